//! The traits of a store in terms of a backend's own methods, written once for all backends.

/// Implements the store's traits for a type that has the methods named below.
macro_rules! delegate_store {
    ($store:ty) => {
        impl Sessions for $store {
            fn apply(&self, ops: &[SessionOp]) -> Result<Vec<SessionReply>> {
                self.apply_ops(ops)
            }

            fn statuses(&self, ids: &[TaskId]) -> Result<Vec<Option<TaskView>>> {
                self.task_views(ids)
            }
        }

        impl Queue for $store {
            fn claim(&self, options: &ClaimOptions) -> Result<Vec<Lease>> {
                self.claim_tasks(options)
            }

            fn claim_inferences(&self, ids: &[TaskId], lease: Duration) -> Result<Vec<Claim>> {
                self.claim_named(ids, lease)
            }

            fn overdue_inferences(&self, waited: Duration, limit: usize) -> Result<Vec<Overdue>> {
                self.long_due(waited, limit)
            }

            fn heartbeat(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<bool>> {
                self.prolong(leases, lease)
            }

            fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
                self.settle_tasks(settlements)
            }

            fn enqueue(&self, task: &NewTask) -> Result<TaskId> {
                self.enqueue_task(task)
            }

            fn sweep(&self) -> Result<u64> {
                self.sweep_abandoned()
            }

            fn depth(&self, kind: TaskKind) -> Result<QueueDepth> {
                self.queue_depth(kind)
            }

            fn wait_for_work(&self, kind: TaskKind, seen: u64, timeout: Duration) -> u64 {
                self.await_work(kind, seen, timeout)
            }

            fn wait_for_settled(&self, cursor: u64, timeout: Duration) -> SettledFeed {
                self.await_settled(cursor, timeout)
            }
        }

        impl Items for $store {
            fn change_items(&self, changes: &[ItemChange]) -> Result<(i64, Vec<i64>)> {
                self.put_and_withdraw(changes)
            }

            fn catalog(&self) -> Result<(i64, Vec<ItemVersion>)> {
                self.current_items()
            }

            fn item_versions(&self) -> Result<Vec<ItemVersion>> {
                self.all_item_versions()
            }

            fn item_at(&self, item_id: i64, version: i64) -> Result<Option<ItemVersion>> {
                self.item_as_of(item_id, version)
            }

            fn items_page(&self, after: i64, limit: usize) -> Result<Vec<ItemVersion>> {
                self.page_of_items(after, limit)
            }

            fn versions(&self) -> Result<Versions> {
                self.latest_versions()
            }
        }

        impl Content for $store {
            fn counts(&self) -> Result<Counts> {
                self.count_content()
            }

            fn user(&self, user_id: i64) -> Result<Option<UserRow>> {
                self.one_user(user_id)
            }

            fn users_page(&self, after: i64, limit: usize) -> Result<Vec<UserRow>> {
                self.page_of_users(after, limit)
            }

            fn erase_user(&self, user_id: i64) -> Result<bool> {
                self.erase_texts_of(user_id)
            }

            fn result(&self, result_id: i64) -> Result<Option<ResultRow>> {
                self.one_result(result_id)
            }

            fn results(&self, task_id: TaskId) -> Result<Option<Vec<ResultRow>>> {
                self.all_results(task_id)
            }
        }

        impl Registry for $store {
            fn answered_sessions(&self, query: &SessionQuery) -> Result<Vec<LoggedSession>> {
                self.answered(query)
            }

            fn import_sessions(&self, sessions: &[ImportedSession]) -> Result<()> {
                self.import(sessions)
            }

            fn insert_model(&self, model: &NewModel) -> Result<i64> {
                self.add_model(model)
            }

            fn models(&self, limit: usize) -> Result<Vec<ModelRow>> {
                self.newest_models(limit)
            }

            fn model(&self, model_id: i64) -> Result<Option<ModelRow>> {
                self.one_model(model_id)
            }

            fn serving_models(&self) -> Result<Vec<ModelRow>> {
                self.models_with_a_share()
            }

            fn decide(&self, model_id: i64, decision: &NewDecision) -> Result<bool> {
                self.decide_about(model_id, decision)
            }

            fn decisions(&self, limit: usize) -> Result<Vec<DecisionRow>> {
                self.newest_decisions(limit)
            }

            fn newest_decision(&self, kinds: &[DecisionKind]) -> Result<Option<DecisionRow>> {
                self.newest_decision_of(kinds)
            }

            fn setting(&self, name: &str) -> Result<Option<String>> {
                self.one_setting(name)
            }

            fn set_setting(&self, name: &str, value: &str) -> Result<()> {
                self.change_setting(name, value)
            }

            fn decision_counts(&self) -> Result<Vec<(DecisionKind, u64)>> {
                self.count_decisions()
            }
        }

        impl Traffic for $store {
            fn requests(&self, query: &RequestQuery) -> Result<Vec<LoggedRequest>> {
                self.newest_requests(query)
            }

            fn task_results(&self, kind: TaskKind, limit: usize) -> Result<Vec<TaskResult>> {
                self.newest_results(kind, limit)
            }
        }

        impl Maintenance for $store {
            fn prune(&self, before_us: i64, limit: usize, keep_explored: bool) -> Result<Pruned> {
                self.remove_old(before_us, limit, keep_explored)
            }

            fn turn(&self, duty: &str, every: Duration) -> Result<bool> {
                self.take_turn(duty, every)
            }

            fn status(&self) -> Result<StoreStatus> {
                self.describe()
            }

            fn ping(&self) -> Result<()> {
                self.try_to_write()
            }
        }
    };
}

pub(crate) use delegate_store;
