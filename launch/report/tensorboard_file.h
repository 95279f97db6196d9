// SPDX-License-Identifier: Apache-2.0
// The steps of a run as TensorBoard reads them, beside metrics.jsonl, which stays the source.
//
//   metrics of a step --> Event message (protobuf) --> record with checksums (TFRecord) --> file
//
// Written by hand: of event.proto and summary.proto eight fields are used. For them Debian's
// libprotobuf and its compiler are 13 MB more, beside the .proto files of another project.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/metrics.h"

namespace larkspur::launch {

/// A number with the name that TensorBoard shows it under: "train/loss".
struct TaggedScalar {
  std::string tag;
  float value = 0.0F;
};

/// Event messages; `wall_time` in seconds since 1970. The first record of a file is its version.
/// The start of a session makes TensorBoard forget what earlier files say of `step` and later
/// steps: a run that goes on from a checkpoint takes them again.
std::string version_event(double wall_time);
std::string session_start_event(double wall_time, std::int64_t step);
std::string scalars_event(double wall_time,
                          std::int64_t step,
                          const std::vector<TaggedScalar>& scalars);

/// A message as a record of the file: length, CRC, bytes, CRC.
std::string framed_record(std::string_view message);

/// Every number of a step but the step itself, as "train/<its key in metrics.jsonl>".
std::vector<TaggedScalar> scalars_of(const pipeline::StepMetrics& metrics);

/// The scores, as "held_out/top1" or "eval/top1"; those that are NaN are left out.
std::vector<TaggedScalar> scalars_of(const pipeline::EvaluationMetrics& metrics);

/// Writes one file of its own below `folder`, flushed step by step.
class TensorboardSink : public pipeline::MetricSink {
 public:
  /// Makes the folder. `first_step`: the one that comes next. Throws kIo naming the path.
  TensorboardSink(const std::filesystem::path& folder, std::int64_t first_step);
  void step(const pipeline::StepMetrics& metrics) override;
  void evaluation(const pipeline::EvaluationMetrics& metrics) override;

 private:
  void write(const std::string& message);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace larkspur::launch
