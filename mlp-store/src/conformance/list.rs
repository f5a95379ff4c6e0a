//! The list of cases, in one place: [`CASES`] and the tests are both made of it, and a case that is
//! not on it is dead code, which the compiler names.

use super::Case;
use super::{
    catalog, concurrency, content, durability, learning, leases, queue, registry, requests,
    results, retention, signals,
};

/// Hands the list to the macro `$then`, after what it shall have first.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_list {
    ($then:ident, $($first:tt)*) => {
        $crate::$then! {
            [$($first)*]
            requests:
                a_start_makes_a_pending_task
                unknown_tasks_have_no_status
                a_start_with_the_same_task_is_a_repeat
                a_repeated_key_answers_the_first_task
                a_key_reused_for_another_request_is_refused
                keys_are_told_apart_by_every_byte
                a_key_repeated_in_one_batch_makes_one_task
                a_full_queue_refuses_and_opens_again
                a_batch_stops_at_the_limit
                a_repeat_is_answered_though_the_queue_is_full
                a_rank_is_settled_and_shown_at_once
                a_repeated_rank_answers_the_first
                a_rank_without_items_shows_nothing
                the_request_reaches_the_worker_as_it_was
                a_batch_mixes_operations_in_their_order
                one_that_fails_does_not_undo_the_others
                an_invalid_row_fails_its_whole_batch
                an_empty_batch_does_nothing
                users_are_numbered_in_order;
            results:
                a_show_gives_the_first_of_the_stored_order
                explored_results_keep_their_random_order
                showing_more_extends_and_showing_less_takes_nothing_back
                nothing_is_shown_of_a_task_that_is_not_finished
                nothing_is_shown_of_a_failed_task
                no_results_where_there_is_no_inference
                a_choice_labels_one_result
                the_last_choice_stands
                a_repeated_choice_answers_the_same
                none_of_these_is_an_answer
                an_item_that_was_not_ranked_cannot_be_chosen
                a_choice_that_was_not_shown_is_marked
                result_numbers_lead_back_to_their_rows
                a_hundred_results_come_back_as_they_were
                more_results_than_have_numbers_are_refused
                a_session_knows_its_model_and_catalog;
            leases:
                a_claim_starts_the_task
                claims_take_the_oldest_first
                interactive_work_goes_before_batch_work
                batch_work_is_retried_and_expires_too
                a_claim_of_nothing_is_empty
                named_inferences_are_leased_and_others_explained
                a_named_inference_is_leased_before_its_retry_is_due
                a_named_inference_whose_attempts_are_spent_fails
                what_nobody_takes_is_overdue
                an_expired_lease_is_claimed_again
                a_stale_settlement_is_refused
                a_final_task_is_settled_no_more
                a_lease_that_expired_unclaimed_still_settles
                a_task_settled_twice_in_one_batch_counts_once
                a_made_up_lease_is_stale
                a_heartbeat_keeps_a_lease
                a_heartbeat_of_a_stale_lease_says_so
                the_last_attempt_that_expires_is_a_failure
                a_claim_finds_work_behind_what_it_gives_up
                a_retry_waits_its_time
                retries_end_at_the_limit_with_the_reason
                a_failure_keeps_its_reason
                a_release_does_not_count
                a_release_after_a_retry_is_a_retry
                tokens_rise_with_every_claim
                outcomes_fit_the_kind_of_task
                one_bad_settlement_undoes_its_batch;
            queue:
                a_kind_has_one_task_until_it_is_final
                an_inference_is_not_enqueued
                kinds_are_claimed_apart
                a_task_brings_its_payload
                statuses_mix_kinds
                training_leases_are_fenced_too
                a_training_that_decides_nonsense_leaves_nothing
                trainings_retry_and_fail_like_inferences
                a_training_that_expires_for_good_makes_room
                a_sweep_ends_what_nobody_took
                a_sweep_leaves_what_is_worked_on
                a_released_old_task_has_time_to_be_taken
                a_sweep_ends_what_workers_left_behind
                depth_counts_by_kind_and_age;
            signals:
                a_start_wakes_who_waits_for_work
                every_kind_of_work_wakes
                work_of_another_kind_wakes_nobody
                waiting_for_work_ends
                who_never_looked_does_not_wait
                a_settlement_reaches_who_waits
                a_cursor_gives_each_settlement_once
                failures_are_told_like_successes
                what_is_not_final_is_not_told
                a_second_handle_hears_of_the_first;
            catalog:
                an_empty_catalog_has_version_zero
                new_items_are_numbered_from_one
                items_keep_the_ids_they_come_with
                ids_under_one_are_refused
                a_change_ends_one_version_and_begins_another
                an_unchanged_item_is_no_new_version
                a_withdrawn_item_is_gone_but_remembered
                withdrawing_what_is_not_there_changes_nothing
                an_item_comes_back
                an_id_is_not_given_again
                the_last_change_of_a_batch_stands
                an_item_is_read_as_it_was
                items_come_in_pages
                a_bad_item_undoes_its_batch
                a_large_catalog_is_one_version;
            content:
                values_of_every_type_come_back
                sample_rows_come_back
                values_of_another_type_are_refused
                a_user_has_a_number_and_a_time
                users_come_in_pages
                counts_count
                erasing_takes_the_texts_and_leaves_the_numbers
                erasing_nobody_says_so;
            learning:
                an_answered_session_is_logged_as_it_was
                a_session_without_an_answer_is_censored
                halves_and_others_are_kept_apart
                only_settled_answers_are_read
                a_changed_answer_settles_anew
                answered_sessions_come_in_pages
                what_is_shown_after_the_answer_was_no_choice
                an_answer_given_before_it_was_shown_counts_once_repeated
                a_refusal_of_nothing_says_nothing
                imported_sessions_are_explored_and_answered
                a_bad_import_leaves_nothing
                many_sessions_are_imported_at_once;
            registry:
                a_new_model_is_a_challenger
                models_are_listed_newest_first_up_to_the_limit
                models_come_newest_first
                promotion_passes_the_crown
                promoting_the_champion_changes_nothing_but_is_noted
                rollback_goes_back_champion_by_champion
                a_rolled_back_model_can_be_promoted_again
                nothing_to_roll_back_to_is_said
                a_rejected_model_does_not_serve
                a_model_that_waits_is_a_challenger
                the_champion_cannot_be_dismissed
                deciding_about_no_model_says_so
                decisions_keep_reason_and_evidence
                the_registry_version_rises_with_every_change
                settings_are_kept_by_name;
            retention:
                old_final_sessions_go_with_their_users
                what_is_not_final_stays
                explored_answers_stay_when_asked
                pruning_passes_by_what_stays
                numbers_are_never_given_again
                old_tasks_go_when_final
                old_keys_are_forgotten
                items_and_models_outlive_pruning
                nothing_old_prunes_nothing
                a_duty_is_one_callers_turn_at_a_time
                a_turn_is_one_of_many_callers;
            durability:
                sessions_outlive_a_restart
                leases_outlive_a_restart
                keys_outlive_a_restart
                catalog_and_registry_outlive_a_restart
                numbers_go_on_after_a_restart
                a_second_handle_sees_what_the_first_wrote
                a_store_says_what_it_is;
            concurrency:
                each_task_is_claimed_once
                each_task_is_claimed_once_by_many_handles
                one_settlement_of_many_wins
                one_enqueue_of_many_makes_the_task
                one_start_of_many_under_a_key_makes_the_task
                the_limit_holds_for_all_threads_together
                concurrent_changes_are_versions_of_their_own
                there_is_a_champion_at_every_moment
                sessions_end_once_whoever_dies;
        }
    };
}

/// Makes the table of cases.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_table {
    ([] $($group:ident: $($name:ident)*;)*) => {
        /// Every case, in groups.
        pub const CASES: &[Case] = &[
            $($(Case { name: stringify!($name), run: $group::$name },)*)*
        ];
    };
}

crate::conformance_list!(conformance_table,);
