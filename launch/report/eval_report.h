// SPDX-License-Identifier: Apache-2.0
// What an evaluation leaves behind: report.json for programs, predictions.csv, report.html for
// people.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "pipeline/eval/evaluator.h"

namespace larkspur::launch {

/// What an evaluation has to compare with.
enum class Labelling : std::uint8_t {
  kOne,      ///< one class a sample: top-1, top-5, class mean
  kSeveral,  ///< several: mean average precision
  kNone      ///< none: predictions only
};

/// What a report says beside the scores. Plain text fields.
struct EvalContext {
  std::string protocol;
  std::int64_t views = 1;            ///< of each sample
  std::string checkpoint;            ///< folder
  std::int64_t step = 0;             ///< of that checkpoint
  std::vector<std::string> classes;  ///< name of each label
  std::vector<std::string> names;    ///< path of each sample of the list
  std::uint32_t list_crc = 0;        ///< CRC-32C of the list evaluated
  std::string digest{};              ///< Checkpoint::digest(); empty: not known
  /// Samples that the checkpoint was trained on; nothing where that is not known.
  std::optional<std::int64_t> trained_samples{};
  Labelling labelling = Labelling::kOne;
  std::vector<std::vector<std::int64_t>> labels{};  ///< of each sample of the list
  bool averaged = false;  ///< the checkpoint's averaged weights, not those of its step
  bool held_out = false;  ///< scored is what data.holdout keeps out, not data.eval
};

struct EvalSurroundings;  // eval_page.h

/// The labels of a sample that the evaluation had a prediction for; none where labelling is none.
std::vector<std::int64_t> labels_of(const pipeline::Prediction& row, const EvalContext& context);

/// What a line on the screen says: "top1 50 %  top5 90 %  class mean 48 %  samples 20".
std::string scores_line(const pipeline::Evaluation& evaluation, const EvalContext& context);

/// What report.json holds: top1, top5 and mean_class_accuracy in percent, mean_average_precision
/// (null where labels do not allow them), labelling ("one", "several", "none"), samples,
/// unreadable, views, protocol, trained_samples, checkpoint, step, averaged, on ("eval",
/// "holdout"), checkpoint_digest (null where it is not known), list_crc32c, per_class,
/// unreadable_files.
nlohmann::ordered_json report_of(const pipeline::Evaluation& evaluation,
                                 const EvalContext& context);

/// The same as the text of the file.
std::string report_json(const pipeline::Evaluation& evaluation, const EvalContext& context);

/// One line a readable sample: id, file, label (several with `;` between, empty for none), then
/// class and probability of the five likeliest, empty where there are fewer classes.
std::string predictions_csv(const pipeline::Evaluation& evaluation, const EvalContext& context);

/// Makes the folder if it is not there, and tries whether files can be written in it. Throws kIo.
void prepare_report_folder(const std::filesystem::path& folder);

/// Writes the three files, the page last, into a folder that prepare_report_folder() has made;
/// without `around` the page has the scores alone. Throws kIo.
void write_eval_report(const std::filesystem::path& folder,
                       const pipeline::Evaluation& evaluation,
                       const EvalContext& context,
                       const EvalSurroundings* around = nullptr);

}  // namespace larkspur::launch
