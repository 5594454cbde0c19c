//! Scenarios of the Go tool's own tests, with fixtures of our own.
//!
//! Where the result differs on purpose, `docs/differences.md` has a row. Scenarios that need no engine are in
//! `tests/it/upstream`, written `it::`; those that other tests show already are named with their crate or module.
//!
//! | number | scenario of the Go tool | tests |
//! |---|---|---|
//! | 1 | clean build from Git, scripts by a label | [`clean`]`::scripts_of_a_label_are_downloaded` |
//! | 2 | labels of `image_metadata.json` | `clean::labels_of_the_metadata_file_are_in_the_result` |
//! | 3 | image with a named user | `clean::user_with_a_name_assembles_and_stays` |
//! | 4 | scripts by a `file://` URL | `clean::scripts_of_a_directory_are_used` |
//! | 5 | scripts by an `http://` URL | `clean::scripts_of_a_server_are_used` |
//! | 6 | scripts in the image | `clean::scripts_of_the_image_are_used` |
//! | 7 | image without `tar` | `clean::image_without_tar_needs_no_second_image` |
//! | 8 | callback | `clean::callback_gets_the_labels` |
//! | 9, 10 | ONBUILD, with and without a name | `clean::image_with_triggers_is_built_with_and_without_a_name` |
//! | 11 | build without a name | `clean::standard_output_is_one_line_that_the_engine_can_run` |
//! | 12 | image without `tar`, build without a name | `clean::image_without_tar_needs_no_second_image` |
//! | 13 | allowed users, six images | [`users`], all tests |
//! | 14 | incremental, previous image removed | [`incremental`]`::previous_image_is_removed_on_request` |
//! | 15 | incremental, previous image kept | `incremental::previous_image_stays_otherwise` |
//! | 16 | incremental as a user | `incremental::artifacts_are_saved_by_the_user_of_the_label` |
//! | 17 | incremental, scripts in the image | `incremental::scripts_of_the_image_save_artifacts` |
//! | 18 | incremental without `save-artifacts` | `incremental::build_without_save_artifacts_is_clean_and_removes_the_previous_image` |
//! | 19 | incremental of an image with ONBUILD | `incremental::incremental_build_of_an_image_with_triggers_works` |
//! | 20 | injections | [`injections`]`::injected_files_are_there_for_assemble_alone` |
//! | 21 | injection to a bad destination | `injections::destination_without_a_parent_is_an_error` |
//! | 22 | TCP, Unix socket, TLS, client certificates | `it::tls`, all tests |
//! | 23 | Dockerfile of a repository | `it::dockerfile::repository_becomes_a_dockerfile_with_its_labels` |
//! | 24 | Dockerfile in a directory | `it::dockerfile::path_that_ends_with_a_slash_is_a_directory` |
//! | 25 | Dockerfile, variables | `it::dockerfile::variables_are_in_the_dockerfile` |
//! | 26 | Dockerfile, labels | `it::dockerfile::labels_are_in_the_dockerfile_and_the_own_ones_win` |
//! | 27 | Dockerfile, injections | `it::dockerfile::injections_are_in_the_context_and_in_no_layer` |
//! | 28, 29 | Dockerfile, `assemble` or `run` by a URL | `it::dockerfile::scripts_of_the_url_replace_those_of_the_image` |
//! | 30 | Dockerfile, no script by the URL | `it::dockerfile::url_without_any_script_is_an_error` |
//! | 31, 32 | Dockerfile, `assemble` or `run` of the source | `it::dockerfile::scripts_of_the_source_replace_those_of_the_image` |
//! | 33 | Dockerfile, scripts by an `image://` URL | `it::dockerfile::scripts_in_the_image_by_the_url_make_others_needless` |
//! | 34, 35 | Dockerfile, `--image-scripts-url` of files | `it::dockerfile::scripts_of_the_image_may_be_in_a_directory` |
//! | 36 | Dockerfile, `--image-scripts-url` in the image | `it::dockerfile::scripts_of_the_image_may_be_in_another_directory_of_it` |
//! | 37 | Dockerfile, both URLs | `it::dockerfile::both_urls_work_together` |
//! | 38 | Dockerfile, both URLs with one script | `it::dockerfile::scripts_of_the_first_url_win` |
//! | 39 | Dockerfile, incremental | `it::dockerfile::incremental_build_has_a_stage_of_the_image_before` |
//! | 40 | Dockerfile, `save-artifacts` of the source | `it::dockerfile::save_artifacts_of_the_source_goes_into_the_stage` |
//! | 41 | Dockerfile, `save-artifacts` by a URL | `it::dockerfile::save_artifacts_of_the_url_goes_into_the_stage` |
//! | 42 | Dockerfile, artifacts of another image | `it::dockerfile::stage_may_be_of_another_image` |
//! | 43 | Dockerfile, incremental as a user | `it::dockerfile::user_of_assemble_is_that_of_all_stages` |
//! | 44 | Dockerfile, local source and ignore file | `it::dockerfile::source_of_a_directory_is_written_without_what_it_ignores` |
//! | 45 | names of images for `generate` | `it::dockerfile::generate_takes_an_image_with_or_without_its_transport` |
//! | 46 | relative path | [`forms`]`::local_source_is_named_by_any_form_of_its_path` |
//! | 47 | `--volume` | [`commands`]`::volume_is_there_for_the_scripts` |
//! | 48, 49 | `file://` URL, absolute path | `forms::local_source_is_named_by_any_form_of_its_path` |
//! | 50 | directory that is no repository, its log line | `commands::lines_that_scripts_search_for_are_written` |
//! | 51 | `rebuild` | `commands::image_is_built_again_from_its_labels` |
//! | 52 | `usage` | `commands::usage_shows_its_sample_and_takes_the_options_of_builds` |
//! | 53 | both scripts of the source | `commands::scripts_of_the_source_replace_both_of_the_image` |
//! | 54 | `--add-host` | `commands::hosts_are_added_for_the_scripts` |
//! | 55 | remote repository | `forms::remote_repositories_are_fetched_by_every_protocol` |
//! | 56 | runtime image | `commands::builder_can_be_the_runtime_image` |
//! | 57 | Dockerfile of a remote repository | `it::dockerfile::dockerfile_of_a_remote_repository_is_written_with_a_line_about_it` |
//! | 58 | `--run=true` until it is stopped | `commands::result_is_run_until_it_is_stopped` |
//! | 59 | grammar of lists of paths | `s2i_core::mapping`, `it::flags::lists_of_paths_are_checked_before_anything_starts` |
//! | 60 | variables on the command line | `it::flags::variables_have_a_name_and_a_value` |
//! | 61 | ranges of users | `s2i_core::uid_ranges`, `it::flags::ranges_of_users_are_checked_before_anything_starts` |
//! | 62 | forms of Git URLs | `s2i_build::source::location`, `forms::scheme_may_be_in_capitals`, `forms::transport_of_git_is_understood_where_it_is_http`, `forms::revisions_are_those_of_git` |
//! | 63 | `ENV` of a Dockerfile | `it::dockerfile::values_are_quoted_for_a_dockerfile` |
//! | 64 | references of images | `s2i_core::image_ref` |
//! | 65 | command of the container | `clean::image_without_tar_needs_no_second_image` |
//! | 66 | client of the engine | `it::tls::variables_select_tls` |
//! | 67 | ignore files | `s2i_core::ignore`, `forms::ignored_files_leave_no_empty_file` |
//! | 68 | modes and times in archives | [`times`], all tests |
//! | 69 | values in the log | `crate::texts`, `forms::password_of_a_url_is_nowhere` |
//! | 70 | callback, failures | `clean::callback_gets_the_failure`, `clean::callback_that_fails_does_not_fail_the_build` |
//! | 71 | entrypoint of ONBUILD builds | `triggers::assemble_and_command_of_the_source_follow_the_triggers` |
//! | 72 | order of the places of scripts | `commands::scripts_come_from_the_option_then_the_source_then_the_image` |
//! | 73 | calls of the engine | `s2i-docker/tests/it`: the calls are others by design |
//!
//! [`defects`] has defects of the Go tool that no scenario shows, and [`fixture`] the images and scripts.

mod clean;
mod commands;
mod defects;
mod fixture;
mod forms;
mod incremental;
mod injections;
mod times;
mod users;
