//! The list of cases, in one place: [`CASES`] and the tests are both made of it, and a case that is
//! not on it is dead code, which the compiler names.

use super::Case;
use super::{kinds, leases, losses, settling, taking};

/// Hands the list to the macro `$then`, after what it shall have first.
#[doc(hidden)]
#[macro_export]
macro_rules! transport_list {
    ($then:ident, $($first:tt)*) => {
        $crate::$then! {
            [$($first)*]
            taking:
                an_announced_task_is_taken_with_its_work
                a_task_is_taken_by_one_of_two
                a_batch_is_at_most_so_large
                nothing_of_nothing_is_taken
                many_tasks_are_each_taken_once
                a_take_waits_for_its_timeout_and_no_longer
                who_waits_is_woken_soon
                all_who_wait_are_woken
                batch_work_is_taken_too
                two_publishers_have_one_medium;
            settling:
                a_settled_task_is_final_for_everybody
                a_ranking_survives_as_it_was
                a_failure_keeps_its_reason
                a_retry_comes_after_its_wait
                retries_past_the_limit_are_a_failure
                a_released_task_comes_back_at_once
                replies_have_the_order_of_their_settlements
                an_empty_settlement_does_nothing
                what_is_settled_twice_counts_once;
            leases:
                a_dead_workers_task_goes_to_another
                a_hanging_workers_task_goes_to_another
                a_stale_settlement_changes_nothing
                a_heartbeat_keeps_a_task_from_others
                a_stop_leaves_the_rest_to_others;
            losses:
                told_twice_has_one_effect
                telling_of_a_final_task_does_no_harm
                telling_of_an_unknown_task_does_no_harm
                what_was_lost_comes_again
                what_was_told_before_anybody_listened_is_taken
                work_goes_on_without_the_medium
                who_is_cut_off_can_still_start_work;
            kinds:
                a_training_is_taken_as_one
                an_inference_is_no_training
                who_waits_for_a_training_is_woken
                a_training_is_settled_too;
        }
    };
}

/// Makes the table of cases.
#[doc(hidden)]
#[macro_export]
macro_rules! transport_table {
    ([] $($group:ident: $($name:ident)*;)*) => {
        /// Every case, in groups.
        pub const CASES: &[Case] = &[
            $($(Case { name: stringify!($name), run: $group::$name },)*)*
        ];
    };
}

crate::transport_list!(transport_table,);
