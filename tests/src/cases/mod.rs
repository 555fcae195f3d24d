//! The cases, one file per flow.

mod access_tokens;
mod account;
mod activation;
mod assertions;
mod browser;
mod canaries;
mod cancellation;
mod client;
mod clock_steps;
mod command_line;
mod connections;
mod cookie_jar;
mod cookies;
mod cors;
mod counting;
mod cross_site;
mod deadlines;
mod deletion;
mod differential;
mod doctor;
mod documentation;
mod documents;
mod email_change;
mod enrolment;
mod events;
mod extractors;
mod headers;
mod hooks;
mod housekeeping;
mod import;
mod least_privilege;
mod leftovers;
mod lifetimes;
mod limits;
mod limits_redis;
mod mails;
mod malformed;
mod matrix;
mod mutations;
mod operators;
mod operators_reading;
mod outbox;
mod overload;
mod pages;
mod password_change;
mod password_reset;
mod passwords;
mod plans;
mod probes;
mod problems;
mod races;
mod races_operators;
mod races_refresh;
mod races_second_factor;
mod reauthentication;
mod recording;
mod refresh;
mod relays;
mod request_ids;
mod revocation_feed;
mod revocations;
mod roles;
mod schemas;
mod second_factor;
mod secrets_at_rest;
mod services;
mod session_limits;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;
mod signing_keys;
mod statements;
mod stores;
mod switches;
mod takeovers;
mod tapped;
mod timing;
mod usernames;

use crate::{App, Browser};

/// A case that runs on every adapter and every store.
pub type Case = (&'static str, fn(&App));

/// A case that compares what the adapters answer, one [`App`] each, on every store.
pub type Comparison = (&'static str, fn(&[App]));

/// A case that runs in a browser, on every adapter and one store.
pub type BrowserCase = (&'static str, fn(&App, &Browser));

/// A case that needs no server.
pub type Check = (&'static str, fn());

macro_rules! table {
    ($($module:ident::{$($case:ident),* $(,)?}),* $(,)?) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case)),*),*]
    };
}

/// Every case of the matrix.
pub const CASES: &[Case] = table![
    access_tokens::{
        a_token_is_what_it_says,
        forged_tokens_are_refused,
        a_token_has_one_spelling,
        nothing_else_is_an_access_token,
        a_token_travels_in_the_authorization_header_only,
        a_token_dies_with_its_session_and_its_user,
        a_token_is_of_its_own_session_only,
        keys_rotate_and_overlap,
        instances_share_keys_and_revocations,
    },
    account::{
        who_is_signed_in_is_shown,
        it_is_what_the_database_knows_now,
        somebody_elses_token_shows_somebody_else,
        mails_come_in_the_language_that_signed_up,
        mails_come_in_the_language_that_was_chosen,
    },
    activation::{
        a_link_activates_once,
        a_token_is_long_and_random,
        every_useless_token_answers_the_same,
        whoever_proves_the_mailbox_chooses_the_password,
        a_newer_link_replaces_the_older_one,
        only_who_awaits_a_link_is_mailed_one_and_nobody_can_tell,
        a_link_dies_with_the_address_it_was_mailed_to,
        a_link_dies_with_its_user,
    },
    canaries::{no_secret_and_no_address_is_left_behind},
    client::{
        without_a_trusted_proxy_the_peer_is_the_client,
        behind_trusted_proxies_it_is_the_hop_before_them,
        its_name_is_kept_within_bounds,
    },
    clock_steps::{
        who_is_signed_in_goes_on,
        what_has_ended_stays_ended,
        a_code_is_of_the_time_that_it_is,
        mails_and_limits_wait_no_longer_than_the_step,
    },
    cookies::{
        each_has_exactly_its_attributes,
        one_authenticates_wherever_a_bearer_does,
        one_that_is_there_twice_is_none,
        beside_another_credential_it_is_refused,
        a_refresh_by_cookie_is_answered_with_cookies,
        a_reauthentication_keeps_them_cookies,
        a_second_factor_comes_before_them,
        signing_out_removes_both,
        signing_in_again_ends_the_session_before,
    },
    cors::{by_default_nothing_is_shared, a_listed_origin_reads_and_is_told_what_it_may_send},
    cross_site::{
        no_endpoint_takes_cookies_from_a_foreign_page,
        no_foreign_page_signs_its_visitor_in,
        only_our_own_pages_get_cookies,
        a_page_that_is_listed_is_no_stranger,
        the_hosts_own_routes_are_protected,
    },
    deletion::{
        nothing_of_the_user_stays_but_events,
        the_address_and_the_name_are_free_at_once,
        it_takes_a_recent_sign_in_and_no_input,
        of_many_deletions_one_happens_and_nothing_breaks,
    },
    documents::{
        the_key_set_has_public_members_only,
        the_description_lists_exactly_the_endpoints,
        the_description_is_closed,
        health_says_whether_the_database_answers,
        a_service_that_drains_lives_and_sends_new_requests_elsewhere,
        head_is_get_without_a_body,
        the_reader_of_the_description_comes_from_here,
    },
    email_change::{
        the_link_gives_the_account_its_new_address,
        nobody_learns_whether_an_address_is_taken,
        what_is_no_other_address_is_refused,
        it_takes_a_recent_sign_in_and_so_many_an_hour,
        a_link_dies_with_what_it_was_issued_for,
        an_address_that_is_taken_meanwhile_stays_whose_it_is,
        an_unproven_claim_gives_way_to_a_proof,
        no_older_link_survives_and_changing_back_revives_none,
        of_many_requests_each_link_proves_its_own_address,
        of_many_who_want_an_address_one_gets_it,
        a_change_and_a_sign_up_do_not_stand_in_each_others_way,
        no_reset_link_reaches_the_mailbox_that_is_left,
        a_notice_reaches_who_has_moved_meanwhile,
    },
    enrolment::{
        an_enrolment_counts_for_nothing_until_it_is_confirmed,
        an_enrolment_shows_160_bits_in_three_spellings,
        an_enrolment_belongs_to_its_session_and_ends,
        changing_the_factors_takes_a_recent_sign_in,
        confirming_spends_the_code_and_ends_the_other_sessions,
        what_is_on_cannot_be_switched_on_nor_what_is_off_be_switched_off,
        disabling_takes_a_code_and_ends_the_other_sessions,
        a_recovery_code_disables_and_a_new_enrolment_owes_nothing_to_the_old,
    },
    extractors::{
        a_signed_in_user_passes,
        a_stranger_gets_a_problem_document,
        an_ended_session_is_a_stranger,
        a_sign_in_does_not_stay_recent,
        two_credentials_are_refused,
    },
    headers::{every_answer_has_those_of_safety_and_none_of_vanity},
    lifetimes::{
        an_access_token_ten_minutes_and_the_leeway,
        a_session_fourteen_days_without_use,
        a_session_thirty_days_in_any_case,
        reauthentication_prolongs_no_session,
        an_activation_link_a_day,
        a_reset_link_half_an_hour,
        a_second_factor_is_awaited_five_minutes,
        an_enrolment_is_awaited_ten_minutes,
        a_sign_in_is_recent_five_minutes,
        a_refresh_token_is_answered_again_for_ten_seconds,
        without_grace_a_refresh_token_is_answered_once,
        each_is_configuration,
    },
    mails::{
        each_step_has_its_mail,
        links_come_from_the_configuration_alone,
        a_front_end_takes_the_links,
        a_mailbox_takes_five_an_hour_for_each_purpose,
        a_mailbox_takes_twenty_a_day,
        nobody_else_pays_for_a_full_mailbox,
        the_limits_are_configuration,
    },
    malformed::{
        a_body_that_is_no_json_object_is_refused,
        a_field_of_another_type_is_refused,
        a_body_of_another_media_type_is_refused,
        a_body_that_is_too_large_is_refused,
        another_method_changes_nothing,
        another_path_is_not_found,
        a_request_that_is_not_http_is_no_servers_error,
    },
    overload::{who_goes_away_leaves_their_place},
    pages::{
        a_page_allows_its_own_script_and_style_and_nothing_else,
        a_browser_gets_a_page_and_a_program_json,
        a_page_is_in_the_language_that_the_browser_asks_for,
        what_is_switched_off_is_not_on_the_account_page,
        only_a_get_of_a_program_or_a_post_activates,
        the_development_mailbox_shows_what_was_mailed,
    },
    password_change::{
        the_new_password_replaces_the_old,
        a_wrong_current_password_changes_nothing,
        a_password_that_is_not_acceptable_changes_nothing,
        it_proves_no_more_than_was_proven,
        what_was_under_way_with_the_old_password_is_void,
        one_of_many_changes_wins,
    },
    password_reset::{
        asking_answers_the_same_for_everybody,
        asking_changes_nothing,
        the_new_password_replaces_the_old,
        every_session_ends_at_once,
        a_second_factor_stays,
        a_sign_in_under_way_is_void,
        the_user_is_told,
        a_link_works_once_and_only_the_newest,
        a_refused_password_does_not_burn_the_link,
        a_link_is_for_one_purpose_and_survives_another,
        a_link_dies_with_what_it_was_issued_for,
        nothing_but_the_token_leads_on,
        the_mail_goes_to_the_address_on_record,
        no_answer_shows_the_token,
        on_an_unproven_account_it_is_the_first_proof,
    },
    problems::{every_code_is_answered_as_it_is_listed},
    races::{
        sign_ups_of_one_address_leave_one_user_and_one_live_link,
        sign_ups_with_and_without_a_name_do_not_stand_in_each_others_way,
        requests_for_a_link_leave_one_live_link,
        an_activation_link_activates_once,
        an_activation_link_activates_once_on_two_instances,
        a_sign_up_and_an_activation_do_not_stand_in_each_others_way,
        a_reset_link_sets_one_of_many_passwords,
        no_session_of_the_old_password_outlives_a_reset,
    },
    races_refresh::{
        within_the_grace_everybody_gets_the_same_successor,
        two_instances_give_the_same_successor,
        without_grace_a_second_use_ends_the_session,
        a_replay_that_races_its_successor_leaves_one_line_or_none,
        a_sign_out_that_races_refreshes_ends_the_session,
    },
    races_second_factor::{
        a_challenge_is_met_once,
        a_code_of_the_authenticator_meets_one_of_many_challenges,
        codes_of_both_kinds_are_spent_once_each_and_stay_spent,
        a_recovery_code_is_exchanged_once,
        an_enrolment_is_confirmed_once,
        no_session_without_the_second_factor_outlives_its_confirmation,
    },
    reauthentication::{
        what_is_dangerous_needs_a_recent_sign_in,
        the_core_asks_for_it_too,
        it_makes_the_sign_in_recent,
        the_refresh_tokens_from_before_are_worth_nothing,
        a_wrong_password_changes_nothing,
        it_takes_both_factors,
        it_counts_for_one_session_alone,
        refreshing_does_not_count,
        an_ended_session_is_not_revived,
    },
    recording::{every_answer_is_described},
    refresh::{
        each_token_is_exchanged_for_the_next,
        it_proves_nothing_anew,
        a_replay_ends_the_session_and_is_told,
        a_lost_answer_can_be_asked_for_again,
        a_used_successor_ends_the_grace,
        what_is_no_token_is_refused_and_nothing_breaks,
    },
    request_ids::{
        every_answer_names_its_request,
        an_id_that_is_a_name_is_kept,
        an_event_names_its_request,
    },
    roles::{
        who_has_it_who_lacks_it_and_who_is_nobody_are_told_apart,
        one_that_is_taken_away_counts_no_more,
    },
    second_factor::{
        before_the_second_factor_there_is_a_challenge_and_nothing_else,
        a_code_is_good_in_its_step_and_the_next,
        a_code_is_good_once_and_never_an_earlier_one,
        a_code_has_one_meaning_however_it_is_spelt,
        a_challenge_has_five_tries,
        a_wrong_code_is_told_once_a_day,
        wrong_codes_are_counted_over_everything_that_takes_one,
        a_right_code_clears_the_count,
        a_challenge_lives_for_five_minutes,
        a_challenge_dies_with_what_it_was_issued_for,
        a_recovery_code_signs_in_once,
        a_code_belongs_to_its_user,
        new_recovery_codes_replace_the_old,
        a_refresh_keeps_what_was_proven,
    },
    sessions::{
        every_live_one_is_listed_newest_first,
        the_list_shows_no_secret,
        one_is_ended_by_its_id,
        all_others_are_ended_together,
        somebody_elses_is_not_found_and_lives_on,
        ending_one_needs_a_recent_sign_in,
        what_to_end_is_said_clearly,
        a_stranger_sees_and_ends_nothing,
        one_that_ran_out_is_not_listed,
    },
    sign_in::{
        a_session_is_complete,
        whatever_is_wrong_answers_the_same,
        a_broken_hash_is_a_wrong_password,
        an_address_is_known_in_any_case_and_a_password_only_as_it_is,
        every_sign_in_is_a_session_of_its_own,
        a_second_factor_comes_before_any_token,
        no_way_to_a_session_is_open_to_the_disabled,
        input_is_strict,
        a_hash_of_another_cost_is_replaced,
        a_hash_is_good_for_either_backend,
        a_hash_of_another_system_is_replaced,
        a_pepper_is_introduced_and_removed,
        a_deleted_user_is_nobody,
    },
    sign_out::{
        a_refresh_token_ends_its_session_at_once,
        an_access_token_ends_its_session_at_once,
        an_expired_access_token_is_no_obstacle,
        it_can_be_repeated,
        it_takes_a_credential,
        another_instance_refuses_the_access_token_too,
        after_a_refresh_the_whole_session_ends,
    },
    sign_up::{
        a_taken_address_answers_as_a_free_one,
        the_owner_of_a_taken_address_is_told_and_keeps_the_account,
        nobody_is_signed_in_before_the_mailbox_is_proven,
        what_is_not_acceptable_is_named,
        nothing_else_can_be_set,
        an_address_is_one_mailbox,
        the_same_address_in_another_case_is_the_same_account,
        a_fresh_database_has_no_accounts,
    },
    switches::{
        each_endpoint_can_be_switched_off,
        one_method_of_a_path_can_be_switched_off,
        without_sign_up_nobody_gets_in_and_everybody_else_stays,
    },
    takeovers::{
        a_flood_of_requests_keeps_no_password_of_the_flooder,
        mails_of_one_purpose_use_up_no_other,
        a_session_that_has_ended_changes_no_factor,
        a_token_from_before_is_not_recent_after_a_reauthentication,
        an_access_token_ends_with_an_idle_session,
        a_broken_refresh_token_keeps_no_session_from_signing_out,
        without_grace_a_clock_that_is_behind_grants_none,
        a_username_is_held_as_long_as_the_newest_link,
        a_name_that_lapsed_goes_to_whoever_asks_next,
        the_development_mailbox_is_shown_to_its_own_machine_only,
        a_key_that_is_retired_needs_no_secret,
        a_newer_schema_stops_no_running_instance,
    },
    usernames::{
        it_signs_in_as_the_address_does,
        a_taken_one_is_refused_in_any_case,
        one_that_is_asked_for_is_held_whatever_the_address,
        a_hold_ends_with_the_activation_link,
        a_newer_link_prolongs_the_hold_whatever_the_address,
        nothing_but_a_link_prolongs_the_hold,
        an_address_holds_the_latest_it_asked_for,
        whoever_asks_can_ask_again,
        what_is_no_username_is_named,
        they_can_be_switched_off,
        they_can_be_required,
        of_many_who_ask_at_once_one_gets_it,
    },
];

/// Every comparison.
pub const COMPARISONS: &[Comparison] = table![
    limits::{
        a_network_has_so_many_requests_a_minute,
        each_kind_of_request_has_a_limit_of_its_own,
        what_a_client_says_of_itself_makes_it_nobody_else,
        an_address_of_ipv6_is_its_subscribers_network,
        instances_share_every_budget_and_none_admits_more,
        guesses_from_one_network_wait_longer_and_longer,
        ones_own_success_clears_no_other_count,
        a_refusal_is_the_same_for_somebody_and_nobody,
        spellings_of_a_name_share_its_budget,
        guesses_from_everywhere_slow_down_strangers_alone,
        right_passwords_that_come_at_once_are_all_let_in,
        wrong_passwords_that_come_at_once_are_no_more_than_those_in_turn,
        who_is_signed_in_guesses_no_longer_than_others,
        a_session_that_moves_between_networks_takes_its_count_along,
        a_limit_that_is_reached_is_recorded_once,
        what_is_forgotten_is_deleted,
    },
    limits_redis::{
        they_are_those_of_the_database,
        what_redis_forgets_is_refilled_once,
        without_redis_the_database_counts,
        every_key_is_forgotten_in_time_and_says_nothing,
    },
    cancellation::{
        a_sign_up_is_whole_or_nothing,
        an_activation_is_whole_or_nothing,
        a_refresh_can_be_asked_for_again,
        no_connection_stays_in_a_transaction,
        who_gives_up_while_waiting_leaves_nothing_to_do,
    },
    command_line::{
        a_user_is_created_changed_shut_out_and_deleted,
        links_are_mailed_and_never_printed,
        users_are_imported_and_what_is_refused_is_said,
        jobs_say_what_they_did,
        the_doctor_says_what_is_wrong_and_fails_for_it,
        what_is_wrong_is_said_in_one_sentence,
        a_reader_that_goes_away_is_no_fault,
    },
    clock_steps::{an_instance_that_is_ahead_hears_of_revocations},
    connections::{
        one_or_two_do_for_everything_at_once,
        a_job_that_reads_keeps_nobody_from_writing,
        the_next_request_has_what_the_last_one_had,
        attempts_are_counted_and_forgotten_in_one_order,
        nothing_but_what_is_counted_is_acknowledged_before_it_is_on_disk,
    },
    deadlines::{
        what_takes_too_long_is_answered_in_time,
        a_paused_database_holds_up_nobody_and_is_used_again,
        connections_that_are_cut_off_are_replaced,
        a_refresh_that_was_held_back_is_no_theft,
        a_transaction_that_was_given_up_takes_in_nothing_else,
    },
    deletion::{another_instance_is_told_within_a_second},
    differential::{the_same_requests_have_the_same_answers},
    doctor::{
        what_is_wrong_is_found_and_nothing_else,
        a_server_tells_of_its_clock_its_locks_and_its_roles,
    },
    events::{
        each_step_is_written_down,
        each_change_of_an_account_is_written_down,
        a_limit_that_is_reached_is_written_down,
        an_event_says_who_and_from_where_and_nothing_personal,
        a_session_that_goes_on_in_another_program_is_written_down_once,
        an_event_is_never_changed,
        events_are_found_by_user_kind_and_time,
    },
    hooks::{
        a_policy_refuses_and_nobody_can_tell,
        a_policy_that_cannot_tell_lets_nobody_in,
        an_invitation_is_for_one_address_and_seven_days,
        what_a_host_writes_at_sign_up_commits_with_the_user,
        a_transaction_that_a_host_leaves_open_commits_nothing,
        a_token_carries_the_claims_of_the_host,
        a_claim_with_a_meaning_of_its_own_refuses_to_start,
        listeners_hear_what_has_happened_and_nothing_else,
    },
    housekeeping::{
        what_is_over_is_deleted_and_nothing_else,
        a_user_who_may_still_prove_the_address_stays,
        many_refreshes_leave_one_row,
        a_flood_is_deleted_whole_by_all_instances_at_once,
    },
    import::{
        they_sign_in_as_they_did_there,
        what_is_not_acceptable_is_refused_and_named,
        the_host_has_its_say_for_each,
        a_record_that_is_awaited_holds_up_nobody,
        whoever_proved_nothing_keeps_nobody_out,
    },
    least_privilege::{
        what_happened_can_be_added_to_and_read,
        a_schema_that_lacks_something_stays_as_it_is,
    },
    matrix::{what_ends_what_is_as_the_manual_says},
    operators::{
        a_user_is_created_with_all_that_is_theirs,
        without_a_password_the_user_chooses_one,
        an_address_that_nobody_vouches_for_is_proven_first,
        a_proven_address_is_taken_and_an_unproven_one_is_not,
        what_is_not_acceptable_creates_nobody,
        disabling_ends_everything_and_enabling_revives_nothing,
        nobody_writes_to_the_disabled,
        sessions_end_at_a_word,
        a_lost_factor_is_taken_off,
        a_reset_is_begun_and_the_user_ends_it,
        roles_and_metadata_are_set_whole,
        a_deleted_user_is_gone_and_the_address_is_free,
        nobody_is_not_found,
    },
    operators_reading::{
        users_are_found_by_what_they_begin_with_their_role_and_their_state,
        details_say_when_a_user_was_last_there,
        an_export_has_all_that_is_kept_and_no_secret,
    },
    outbox::{
        couriers_deliver_each_message_once,
        what_a_courier_died_with_comes_again_when_its_lease_ends,
        a_mail_that_fails_is_tried_eight_times_ever_more_rarely,
        a_mail_that_is_refused_for_good_is_not_tried_again,
        a_message_that_cannot_be_read_does_not_block_the_others,
        a_mail_is_in_the_language_of_its_message_or_the_default_one,
        a_mail_whose_link_has_expired_is_dropped,
        a_token_is_erased_once_its_mail_is_sent,
        dead_letters_are_tried_again_unless_their_link_is_lost,
        a_commit_elsewhere_wakes_a_courier,
    },
    overload::{who_is_turned_away_learns_nothing},
    plans::{
        each_statement_finds_what_it_asks_for_by_an_index,
        what_is_planned_for_little_is_good_for_much,
    },
    races_operators::{
        no_session_outlives_a_disabling,
        signing_everybody_out_stands_in_nobodys_way,
        of_many_who_create_one_user_one_does,
    },
    relays::{
        couriers_deliver_each_message_once,
        what_is_flushed_in_the_middle_is_not_lost,
        without_redis_the_database_hands_out,
        what_is_in_the_way_of_the_stream_is_in_nobodys_way,
        what_a_consumer_died_with_another_delivers,
        a_mail_that_fails_is_relayed_again_when_it_is_due,
        redis_sees_ids_alone_and_nothing_that_stays,
        a_commit_elsewhere_wakes_a_courier,
    },
    revocation_feed::{
        postgres_tells_an_instance_at_once,
        redis_tells_an_instance_at_once,
        what_redis_says_is_asked_of_the_database,
    },
    revocations::{
        another_instance_refuses_at_once_where_it_asks_the_database,
        another_instance_is_told_within_a_second,
        an_instance_refuses_at_once_what_it_has_revoked_itself,
    },
    secrets_at_rest::{
        no_secret_is_in_the_database,
        a_secret_is_sealed_for_its_user_alone,
        another_master_secret_refuses_to_start,
        a_replaced_master_secret_still_opens_what_is_old,
        what_an_old_secret_sealed_is_sealed_anew,
        a_code_that_is_used_seals_its_secret_anew,
    },
    session_limits::{
        one_more_than_enough_ends_the_oldest,
        of_many_that_begin_at_once_no_more_than_enough_stay,
        who_is_not_remembered_signs_in_again_the_next_day,
    },
    sign_up::{the_adapters_answer_alike},
    signing_keys::{
        rotations_under_load_refuse_no_token,
        the_next_key_waits_until_everybody_has_it,
        revoking_them_voids_every_access_token,
        an_instance_in_service_hears_of_it_within_a_second,
        a_flood_of_unknown_keys_hides_no_key,
    },
    statements::{
        an_instance_that_hears_of_revocations_asks_for_none,
        each_request_asks_what_the_manual_says,
        no_request_asks_much,
    },
    stores::{
        both_engines_have_the_same_schema,
        what_is_unique_is_compared_byte_for_byte,
        a_host_keeps_its_own_migrations_in_the_same_database,
        instances_may_start_at_once_on_an_empty_database,
        a_newer_schema_that_only_adds_is_worked_with,
        a_newer_schema_that_takes_away_is_refused,
    },
    timing::{
        a_sign_in_costs_a_hash_whoever_it_is,
        a_sign_up_costs_a_hash_whoever_has_the_address,
    },
];

/// Every case of a browser.
pub const BROWSER_CASES: &[BrowserCase] = {
    use browser::{
        account, activation, cookies, documents, email_change, foreign_pages, password_reset,
        privacy, second_factor,
    };

    table![
        account::{
            it_leads_from_the_sign_up_to_the_sign_out,
            it_speaks_the_readers_language,
            cookies_outlive_the_browser_only_if_asked_to,
            a_session_is_renewed_where_it_has_to_be,
            sessions_can_be_ended_by_whoever_knows_the_password,
            a_password_is_changed_in_place,
            what_else_an_account_has_is_changed_until_it_is_deleted,
            an_invitation_does_not_stay_in_the_address,
        },
        activation::{
            a_mailed_link_activates_with_one_click,
            a_password_is_asked_for_where_it_has_to_be,
            a_link_can_be_pasted_into_an_open_page,
            a_lost_connection_costs_no_link,
        },
        cookies::{a_page_lives_on_cookies_that_it_cannot_read, another_site_gets_nothing_done},
        documents::{the_reference_lists_every_endpoint, the_development_mailbox_leads_on},
        email_change::{a_new_address_is_confirmed_once},
        foreign_pages::{they_sign_nobody_out_and_change_nothing, they_sign_nobody_in},
        password_reset::{
            a_refused_password_can_be_replaced_in_place,
            another_link_can_be_asked_for,
            what_is_refused_is_said_in_the_readers_language,
        },
        privacy::{a_page_tells_nobody_where_it_was, no_other_site_frames_a_page},
        second_factor::{it_is_switched_on_asked_for_and_switched_off, too_many_tries_begin_anew},
    ]
};

/// Every check; those of `services` can be left out by the name of what they ask, and those of
/// `browser` with it.
pub const CHECKS: &[Check] = table![
    browser::{what_a_page_does_is_seen},
    passwords::{
        a_refusal_says_why,
        any_characters_will_do,
        nothing_is_cut_off,
        two_spellings_of_one_text_are_one_password,
        the_rules_are_the_same_wherever_one_is_set,
    },
    limits::{the_manual_lists_what_is_limited},
    documentation::{the_manual_lists_the_problems, the_readme_lists_the_endpoints},
    problems::{the_codes_are_those_of_the_golden_file},
    services::{redis},
];
