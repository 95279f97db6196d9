// SPDX-License-Identifier: Apache-2.0
#include "launch/run/resume.h"

#include "launch/config/config_file.h"
#include "launch/run/label_map.h"
#include "launch/run/saved_config.h"
#include "pipeline/all_or_none.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {

using pipeline::Errc;
using pipeline::log_info;
using pipeline::log_warn;
using pipeline::require;
using pipeline::text_of;

std::filesystem::path checkpoints_folder(const RunConfig& config) {
  return pipeline::checkpoints_folder(config.output);
}

std::optional<std::int64_t> epochs_begun_with(const RunConfig& config) {
  std::optional<std::int64_t> epochs;
  for (const auto& [folder, step, complete] :
       pipeline::list_checkpoints(checkpoints_folder(config))) {
    if (!complete) continue;
    epochs = config.train.epochs;
    if (config.train.minutes == 0) return epochs;
    try {
      const std::string name = (folder / "manifest.json").string();
      return parse_config(pipeline::read_manifest(folder).run.config, name).config.train.epochs;
    } catch (const pipeline::Error&) {  // damaged: who resumes will say so
      continue;
    }
  }
  return epochs;
}

namespace {

/// Throws kInvalidArgument where a run of `config` and `now` cannot go on from this checkpoint, and
/// warns where its bits may differ.
void require_same_run(const pipeline::Checkpoint& checkpoint,
                      const RunConfig& config,
                      const pipeline::RunIdentity& now) {
  const std::string where = checkpoint.folder().string();
  require(config.resume == ResumeChoice::kAuto,
          Errc::kInvalidArgument,
          where,
          " is there and resume=never: choose another output folder, or resume=auto");
  const pipeline::RunIdentity& saved = checkpoint.manifest().run;
  LoadedConfig then = parse_config(saved.config, (checkpoint.folder() / "manifest.json").string());
  // The run's own configuration, of which the minutes have become epochs, is no other one.
  if (config.train.minutes == 0) then.config.train.minutes = 0;
  compare_for_resume(then, config, where);
  require(saved.classes == now.classes,
          Errc::kInvalidArgument,
          where,
          " was trained on other class names than the training list has (",
          saved.classes == now.classes ? "" : class_difference(saved.classes, now.classes),
          "); to go on, give it the list and labels of then, for a new run choose another output");
  require(saved.list_crc == now.list_crc,
          Errc::kInvalidArgument,
          where,
          " was trained on another training list: paths, labels or numbers of frames differ; to go "
          "on, give it the list of then, for a new run choose another output");
  if (saved.processor != now.processor) {
    log_warn(text_of("the run began on ",
                     saved.processor,
                     " and continues on ",
                     now.processor,
                     ": bits may differ from an unbroken run"));
  }
}

}  // namespace

bool resume_if_possible(const RunConfig& config,
                        const pipeline::RunIdentity& now,
                        pipeline::TrainState& state,
                        pipeline::Communicator& communicator) {
  const auto checkpoint = pipeline::restore_newest(
      checkpoints_folder(config), state, communicator, [&](const pipeline::Checkpoint& found) {
        require_same_run(found, config, now);
      });
  if (!checkpoint) return false;
  const int then = checkpoint->manifest().run.ranks;
  log_info(text_of("continues from ",
                   checkpoint->folder().string(),
                   " at step ",
                   state.step,
                   " (written by ",
                   then,
                   then == 1 ? " rank, now " : " ranks, now ",
                   now.ranks,
                   ")"));
  return true;
}

}  // namespace larkspur::launch
