// SPDX-License-Identifier: Apache-2.0
// `inspect batch`: what a step of a training really sees.
#include <filesystem>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "launch/config/aligned_text.h"
#include "launch/config/config_file.h"
#include "launch/report/batch_page.h"
#include "launch/report/page.h"
#include "launch/report/page_parts.h"
#include "launch/run/assemble.h"
#include "launch/run/batch_digest.h"
#include "launch/run/dataset.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/bad_sample_json.h"
#include "pipeline/data/prefetcher.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/train/lane_batches.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

struct BatchSubject {
  std::string file;
  std::vector<std::string> overrides;
  std::int64_t step = 1;
  std::string output;
  bool epoch = false;
};

/// The data side of a training, all lanes on this rank.
struct DataSide {
  RunConfig config;
  Dataset data;
  pipeline::TrainOptions options;
  pipeline::StepShape shape;

  explicit DataSide(const LoadedConfig& loaded)
      : config(loaded.config),
        data(make_training_data(config, /*rehearsal=*/true)),
        options(train_options(config)),
        shape(pipeline::step_shape(options, data.source->size())) {
    options.check();
  }

  /// The lanes of steps from `first` (from 0) on, `count` of them.
  pipeline::Prefetcher lanes_of(std::int64_t first, std::int64_t count) const {
    const pipeline::Lanes all{0, options.lanes, options.lanes};
    return {*data.source,
            pipeline::lane_batches(options, shape, all, first),
            {.end = count * options.lanes,
             .workers = options.workers,
             .mix = {options.mix, options.repeats}}};
  }
};

void check(const BatchSubject& subject) {
  require(!subject.epoch || subject.output.empty(),
          Errc::kInvalidArgument,
          "--epoch prints a digest: leave --output out");
  const std::filesystem::path folder = std::filesystem::path(subject.output).parent_path();
  std::error_code unreadable;
  require(folder.empty() || std::filesystem::is_directory(folder, unreadable),
          Errc::kNotFound,
          "--output ",
          subject.output,
          ": there is no such folder");
}

/// That the training has the step; of how many epochs is not known while train.minutes says it.
void check_step(const DataSide& side, std::int64_t step) {
  const std::int64_t epochs = side.config.train.minutes > 0
                                  ? std::numeric_limits<std::uint32_t>::max()
                                  : side.options.epochs;
  const std::int64_t steps = epochs * side.shape.steps_per_epoch();
  require(step >= 1 && step <= steps,
          Errc::kInvalidArgument,
          "--step is ",
          step,
          ", not in [1, ",
          steps,
          "]");
}

/// Of all batches of the epoch that the step is in.
void print_epoch(std::ostream& out, const DataSide& side, std::int64_t epoch) {
  const std::int64_t steps = side.shape.steps_per_epoch();
  const std::int64_t batches = steps * side.options.lanes;
  pipeline::Prefetcher lanes = side.lanes_of(epoch * steps, steps);
  TaskProgress progress(std::cerr, {"read", "batches", audience_of_stderr(1)});
  std::uint32_t crc = 0;
  std::size_t bad = 0;
  for (std::int64_t i = 0; i < batches; ++i) {
    const pipeline::Batch lane = lanes.next();
    crc = batch_crc(lane, crc);
    bad += lane.bad.size();
    progress.at(i + 1, batches);
  }
  out << "epoch " << epoch + 1 << ": " << steps << " steps of " << side.options.global_batch
      << " samples, " << bad << " unreadable, digest " << crc_text(crc) << "\n";
}

void print_step(std::ostream& out, const DataSide& side, const BatchSubject& subject) {
  pipeline::Prefetcher lanes = side.lanes_of(subject.step - 1, 1);
  std::vector<std::vector<std::string>> rows{{"lane", "sees", "file"}};
  auto cards = nlohmann::ordered_json::array();
  std::vector<pipeline::BadSample> unreadable;
  std::uint32_t crc = 0;
  for (int number = 0; number < side.options.lanes; ++number) {
    const pipeline::Batch lane = lanes.next();
    crc = batch_crc(lane, crc);
    const auto seen = seen_samples(lane, number, *side.data.source, side.data.classes);
    for (const SeenSample& sample : seen) {
      rows.push_back({std::to_string(number), sample.text(), sample.file});
    }
    for (const pipeline::BadSample& sample : lane.bad) {
      rows.push_back({std::to_string(number), "unreadable: " + sample.message, sample.name});
    }
    unreadable.insert(unreadable.end(), lane.bad.begin(), lane.bad.end());
    for (auto& card : batch_cards(lane, seen)) cards.push_back(std::move(card));
  }
  const std::string step = text_of("Step ",
                                   subject.step,
                                   ", epoch ",
                                   side.shape.epoch_of(subject.step - 1) + 1,
                                   " of ",
                                   subject.file);
  const std::string facts = text_of(side.options.global_batch,
                                    " samples, ",
                                    side.options.lanes,
                                    " lanes, digest ",
                                    crc_text(crc));
  out << aligned_text(rows) << step << ": " << facts << "\n";
  if (subject.output.empty()) return;
  pipeline::write_and_rename(subject.output,
                             fill_page({{"title", step},
                                        {"subtitle", facts},
                                        {"batch", std::move(cards)},
                                        {"unreadable_files", pipeline::to_json(unreadable)},
                                        {"configuration", config_rows(side.config)}}));
}

}  // namespace

void run_inspect_batch(Invocation& call) {
  BatchSubject subject;
  CommandLine line(call,
                   "What a step of a training really sees: samples, labels and shares, augmented "
                   "and mixed as the training has them, and one digest of it all.",
                   "configs/demo/clip.yaml --step 1 --output batch.html");
  line.argument("CONFIG", "YAML file or folder of a run", subject.file);
  line.rest("OVERRIDES", "key=value, as in train.mixup=0.8", subject.overrides);
  line.option("--step", "from 1", subject.step);
  line.option("--output", "page to write: a picture of each sample", subject.output);
  line.flag("--epoch",
            "only one digest of all batches of the step's epoch, the same on any number of ranks; "
            "another processor or FFmpeg may give other pixels",
            subject.epoch);
  if (!line.parse()) return;
  check(subject);
  const LoadedConfig loaded = load_config(config_path(subject.file), subject.overrides);
  check_paths(loaded, {"data.train"});
  const DataSide side(loaded);
  check_step(side, subject.step);
  if (subject.epoch) {
    print_epoch(call.out, side, side.shape.epoch_of(subject.step - 1));
  } else {
    print_step(call.out, side, subject);
  }
}

}  // namespace larkspur::launch
