//! Stories of lost zones, one file each in `tests/scenarios`, told on the model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/lines.rs"]
mod lines;
#[path = "support/story.rs"]
mod story;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            let path = folder().join(concat!(stringify!($name), ".txt"));
            let text = std::fs::read_to_string(path).unwrap();
            if let Err(why) = story::tell(&text).await {
                panic!("{}.txt, {why}", stringify!($name));
            }
        })+

        mod confirmed {
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                let path = super::folder().join(concat!(stringify!($name), ".txt"));
                let text = std::fs::read_to_string(path).unwrap();
                if let Err(why) = super::story::tell_confirmed(&text).await {
                    panic!("{}.txt, with --confirm, {why}", stringify!($name));
                }
            })+
        }

        #[test]
        fn every_story_is_told() {
            let told: BTreeSet<String> = [$(stringify!($name)),+].map(|name| format!("{name}.txt")).into();
            let there = std::fs::read_dir(folder()).unwrap().flatten();
            let there: BTreeSet<String> = there.map(|entry| entry.file_name().into_string().unwrap()).collect();
            assert_eq!(there, told);
        }
    };
}

stories! {
    a_bastion_without_space_changes_nothing,
    a_certificate_that_cannot_be_read_is_named,
    a_changed_host_key_is_no_survivor,
    a_client_port_that_answers_elsewhere_is_asked_there,
    a_cluster_of_the_runs_own_is_no_other_one,
    a_cluster_that_cannot_be_asked_is_not_fenced,
    a_cluster_without_a_key_is_given_its_quorum_back,
    a_consent_that_comes_after_another_operator_is_refused,
    a_container_is_stopped_held_and_started,
    a_container_that_a_script_hides_is_refused,
    a_copy_of_the_manifest_in_the_kubelets_folder_is_refused,
    a_damaged_or_bare_file_is_no_snapshot,
    a_data_directory_behind_a_link_is_refused,
    a_data_directory_that_is_not_one_piece_is_refused,
    a_database_that_is_written_to_is_sent,
    a_failed_zone_that_runs_etcd_is_refused,
    a_failed_zone_whose_peer_port_answers_is_refused,
    a_fence_that_cannot_be_made_ready_stops_nothing,
    a_fence_waits_for_the_run_that_holds_the_zone,
    a_fenced_master_that_stopped_at_the_fork_had_nothing_beyond,
    a_fence_is_not_undone_beside_a_new_cluster,
    a_fenced_zones_api_servers_are_parked,
    a_file_that_comes_slowly_is_waited_for,
    a_file_that_stands_still_ends_the_step,
    a_file_that_was_edited_since_the_start_is_refused,
    a_finished_run_is_not_undone,
    a_foreign_snapshot_is_held_against_the_log,
    a_foreign_snapshot_that_ends_where_the_log_does_is_taken,
    a_fourth_voter_that_never_started_is_counted,
    a_full_disk_may_be_overridden_by_name,
    a_full_etcd_is_relieved,
    a_half_made_cluster_is_not_woken_beside_the_old_one,
    a_held_master_is_told_before_anything_else,
    a_joiner_with_a_smaller_quota_is_refused,
    a_kept_snapshot_brings_back_what_was_moved_aside,
    a_kept_snapshot_is_not_taken_for_ever,
    a_kept_snapshot_that_nobody_passed_is_taken,
    a_killed_run_is_finished_by_the_same_command,
    a_killed_run_is_not_finished_beside_who_may_be_alive,
    a_killed_run_is_unlocked_from_another_bastion,
    a_large_database_is_copied,
    a_late_consent_to_an_unchanged_world_is_acted_on,
    a_later_fence_does_not_hide_a_start,
    a_leader_that_had_not_committed_in_its_term_does_not_cap_its_log,
    a_learner_outlasts_the_start_limit_of_its_unit,
    a_learner_that_died_for_good_keeps_nobody_out,
    a_learner_that_stands_still_ends_the_step,
    a_learner_that_systemd_kills_is_named,
    a_list_that_was_written_anew_is_narrowed_again,
    a_living_majority_is_left_alone,
    a_log_of_its_own_goes_with_its_data,
    a_log_that_cannot_be_replayed_is_said_to_be_left_out,
    a_log_that_could_not_be_read_before_the_proof_is_read_after_it,
    a_log_that_goes_on_where_another_cannot_be_read_is_not_passed_over,
    a_log_where_etcd_could_make_no_new_one_is_refused,
    a_loss_that_nobody_can_prove_is_not_believed,
    a_master_left_for_later_must_not_run,
    a_master_on_its_way_home_is_not_undone,
    a_master_that_does_not_say_what_it_has_comes_back_with_a_word,
    a_master_that_is_not_fit_is_refused,
    a_master_without_its_env_file_is_refused,
    a_member_far_from_its_leader_is_named,
    a_member_list_that_cannot_be_read_is_not_empty,
    a_name_that_only_the_bastion_knows_is_nobodys_peer_url,
    a_named_seed_is_of_the_survivors_cluster,
    a_new_cluster_of_two_loses_one_etcd,
    a_node_that_cannot_be_fenced_or_written_is_refused,
    a_node_that_does_not_say_how_it_is_made_up_is_refused,
    a_packages_unit_is_copied_and_rewritten,
    a_peer_url_whose_name_is_not_resolved_is_not_closed,
    a_removed_member_that_sends_now_and_then_is_left_to_time,
    a_restarted_survivor_is_compared_with_a_running_one,
    a_restarted_survivor_is_replayed_after_its_stop,
    a_returned_master_that_stopped_at_the_fork_had_nothing_beyond,
    a_returning_master_that_dies_midway_is_brought_home_again,
    a_run_is_not_undone_while_a_survivor_is_silent,
    a_run_that_finds_a_fence_takes_it_over,
    a_run_that_started_the_new_cluster_is_not_undone,
    a_run_whose_lock_was_taken_goes_no_further,
    a_running_survivor_gives_way_to_one_with_a_longer_log,
    a_second_cluster_that_kept_its_quorum_stays_listed,
    a_second_clusters_run_narrows_and_widens_its_own_list,
    a_second_clusters_run_puts_back_only_what_it_parked,
    a_second_clusters_run_puts_back_what_its_own_run_before_it_parked,
    a_second_disaster_is_survived_too,
    a_second_run_is_locked_out,
    a_seed_is_a_survivor_that_answers,
    a_seed_that_lacks_writes_is_refused,
    a_server_that_is_nobodys_stays_in_the_list_by_name,
    a_silent_master_is_neither_fenced_nor_unfenced,
    a_silent_survivor_may_hold_more,
    a_slow_learner_is_waited_for,
    a_snapshot_of_an_earlier_disaster_is_refused,
    a_snapshot_of_another_cluster_is_refused,
    a_snapshot_older_than_the_survivor_is_refused,
    a_snapshot_that_comes_slowly_is_waited_for,
    a_split_brain_is_seen_and_mended,
    a_stale_leader_is_waited_out,
    a_start_that_was_followed_by_a_leader_is_not_undone,
    a_start_that_was_never_sent_is_undone,
    a_survivor_that_dies_while_it_is_copied_stops_nothing,
    a_survivor_that_loses_its_power_midway_comes_back,
    a_survivor_whose_log_cannot_be_read_is_not_passed_over_in_silence,
    a_survivor_without_data_is_nothing_to_grow_from,
    a_template_that_cannot_be_rendered_is_refused,
    a_template_that_changes_more_is_refused,
    a_tool_that_is_missing_cannot_be_overridden,
    a_unit_that_takes_the_cluster_from_its_own_variables_is_rewritten,
    a_unit_that_writes_its_own_env_file_is_refused,
    a_voter_that_dies_on_its_way_home_is_left_out_again,
    a_voter_that_is_down_is_named,
    a_voter_that_reaches_nobody_is_named,
    a_voter_whose_data_is_gone_is_not_started,
    a_voter_whose_master_is_silent_is_never_removed,
    a_write_in_the_last_moment_is_not_lost,
    a_zone_comes_home_master_by_master,
    a_zone_is_not_off_where_one_of_it_answers,
    a_zone_is_not_unfenced_while_others_are_silent,
    a_zone_is_unfenced_only_beside_what_its_data_came_from,
    a_zone_that_carries_the_cluster_is_not_fenced,
    a_zone_that_is_only_cut_off_is_fenced_first,
    a_zone_that_is_seen_down_and_fenced_needs_no_attestation_to_be_counted,
    a_zone_that_returned_behind_a_cut_link_before_the_consent_is_seen,
    a_zone_that_returns_after_the_start_is_named,
    a_zone_that_returns_at_the_end_is_no_good_end,
    a_zone_that_returns_before_the_consent_is_seen,
    a_zone_that_returns_before_the_start_ends_the_run,
    a_zone_that_returns_before_the_stop_ends_the_run,
    a_zone_that_returns_before_the_stop_gives_the_api_servers_back,
    a_zone_that_returns_during_the_first_look_is_seen,
    a_zone_whose_machines_live_and_whose_etcd_died,
    an_answer_that_is_lost_is_not_asked_twice,
    an_api_server_is_seen_as_it_is,
    an_api_server_that_is_not_understood_is_left_alone_by_name,
    an_api_server_that_knows_its_own_etcd_alone_is_put_back_as_it_was,
    an_api_server_that_lets_nobody_ask_is_no_obstacle,
    an_api_server_that_lists_a_lost_zone_is_found,
    an_entry_that_was_never_applied_is_replayed,
    an_etcd_that_does_not_let_us_in_is_refused,
    an_image_that_cannot_be_opened_is_named,
    an_inventory_that_contradicts_the_node_is_refused,
    an_older_file_is_no_way_around_older_data,
    an_undo_that_sees_nobody_is_not_done,
    an_unfence_from_before_another_run_is_refused,
    an_unfenced_zone_is_told_how_its_api_servers_come_back,
    an_unfinished_cluster_that_wakes_up_later_is_not_home,
    an_unfinished_clusters_api_servers_stay_parked_unless_somebody_vouches,
    an_unfit_survivor_can_be_left_out,
    api_servers_go_with_the_cluster,
    data_above_the_quota_is_foreseen,
    data_that_differs_is_named,
    etcd_that_discovers_its_cluster_is_refused,
    every_etcd_that_was_asked_had_ended,
    it_is_not_guessed_which_zone_failed,
    marks_that_cannot_be_read_are_not_none,
    metrics_of_another_member_are_not_its_own,
    no_master_is_lost_where_all_answer_and_all_have_ended,
    nothing_is_built_on_corrupt_data,
    of_restarted_survivors_the_freshest_is_the_seed,
    of_several_env_files_the_one_that_says_the_cluster_is_rewritten,
    old_data_grows_into_no_new_cluster,
    quorum_is_counted_lost_while_a_dead_leader_is_still_named,
    sent_tools_serve_a_container_whose_image_lacks_one,
    sent_tools_serve_a_pod_whose_image_lacks_one,
    settings_outside_the_env_file_are_refused,
    silence_alone_proves_nothing,
    survivors_of_a_large_database_grow_from_one_copy,
    survivors_of_two_clusters_are_refused,
    survivors_that_do_not_hear_each_other_are_found_before_the_stop,
    the_freshest_survivor_is_the_seed,
    the_list_of_another_clusters_etcds_is_left_to_its_own_run,
    the_newest_cluster_is_known_by_its_line_not_by_a_clock,
    the_old_cluster_is_not_healthy_beside_the_record_of_a_newer,
    the_old_cluster_is_not_taken_for_home_while_the_new_one_is_dark,
    the_old_data_of_every_run_is_named,
    the_programs_of_a_container_that_is_down_come_out_of_its_image,
    the_programs_of_a_pod_that_is_down_come_out_of_its_image,
    the_timed_proof_can_be_demanded,
    there_is_nothing_to_come_back_to_while_nothing_serves,
    three_and_two_lose_the_majority_and_come_home,
    three_zones_lose_two,
    tools_of_the_bastion_are_sent_where_none_fit,
    two_and_one_lose_the_majority_and_come_home,
    two_and_two_lose_half,
    two_clusters_made_from_one_are_not_told_apart_by_time,
    two_of_three_zones_are_not_one_alone,
    two_survivors_have_api_servers_too,
    versions_that_do_not_go_together_are_refused,
    what_a_fenced_master_had_beyond_the_fork_is_told,
    what_a_returned_master_had_beyond_the_fork_is_told,
    what_etcd_said_last_is_shown_where_it_does_not_start,
    what_is_older_is_not_started_when_all_are_down,
    what_was_heard_before_the_second_proof_says_nothing_against_it,
    where_a_containers_image_cannot_be_opened_the_masters_programs_are_taken,
    where_metrics_cannot_be_read_time_proves_it,
    who_comes_home_is_not_given_its_own_etcd_of_another_cluster,
    without_a_look_at_the_peer_ports_nobody_is_called_dead,
    without_any_survivor_there_is_nothing_to_grow_from,
}
