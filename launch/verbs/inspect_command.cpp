// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <ostream>

#include "launch/config/config_file.h"
#include "launch/config/config_table.h"
#include "launch/config/protocol_table.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_scores.h"

namespace larkspur::launch {
namespace {

/// What stands in front of the overrides, if it is none.
std::string take_second_file(std::vector<std::string>& words) {
  if (words.empty() || words.front().find('=') != std::string::npos) return "";
  std::string file = words.front();
  words.erase(words.begin());
  return file;
}

void run_inspect_config(Invocation& call) {
  std::string file;
  std::vector<std::string> overrides;
  bool markdown = false;
  CommandLine line(call,
                   "Prints every key: default, or value in CONFIG, what it takes and means. Of two "
                   "configurations, or folders of runs, the keys that differ.",
                   "configs/demo/cloud.yaml train.epochs=3");
  line.optional_argument(
      "CONFIG", "YAML file or folder of a run; without it the defaults are shown", file);
  line.rest("OTHER OVERRIDES",
            "another one to compare with; then key=value, as in train.epochs=3 (for both)",
            overrides);
  line.flag("--markdown", "the table of defaults as configs/README.md has it", markdown);
  if (!line.parse()) return;
  if (markdown) {
    call.out << config_table_markdown();
    return;
  }
  const std::string other = take_second_file(overrides);
  const LoadedConfig loaded =
      file.empty() ? LoadedConfig{} : load_config(config_path(file), overrides);
  if (other.empty()) {
    call.out << config_table(loaded);
    return;
  }
  const LoadedConfig second = load_config(config_path(other), overrides);
  call.out << config_differences(loaded.config, second.config, file, other);
}

void run_inspect_protocols(Invocation& call) {
  bool markdown = false;
  CommandLine line(
      call,
      "Prints the protocols that eval.protocol takes: which views of a sample each "
      "looks at, and whose it is. 'larkspur eval --explain FILE' shows them for a file.",
      "");
  line.flag("--markdown", "as configs/README.md has it", markdown);
  if (!line.parse()) return;
  call.out << (markdown ? protocol_table_markdown() : protocol_table());
}

void print_content(std::ostream& out, const pipeline::Checkpoint& checkpoint) {
  const pipeline::CheckpointManifest& manifest = checkpoint.manifest();
  out << "folder " << checkpoint.folder().string() << "\nstep " << manifest.step << "\nranks "
      << manifest.run.ranks << "\nthreads " << manifest.run.threads << "\nprocessor "
      << manifest.run.processor << "\nclasses " << manifest.run.classes.size()
      << "\nunreadable samples " << manifest.bad.size() << "\n";
  const auto scores = pipeline::readable_scores(checkpoint.folder().parent_path());
  if (const auto score = pipeline::score_of(scores, manifest.step)) {
    out << "score " << score->percent << " % (" << score->by << ")\n";
  }
  for (const pipeline::CheckpointShard& shard : manifest.shards) {
    out << shard.file << "  " << shard.bytes << " bytes, " << shard.pieces.size() << " pieces\n";
  }
  for (const auto& [kind, name] : checkpoint.tensors()) {
    out << kind << "  " << name << "  " << checkpoint.read(kind, name).numel() << "\n";
  }
}

void run_inspect_checkpoint(Invocation& call) {
  std::string path;
  bool digest = false;
  CommandLine line(call,
                   "Prints what a checkpoint holds, every checksum checked.",
                   "runs/demo_cloud/checkpoints --digest");
  line.argument(
      "PATH", "run folder, its checkpoints folder (the newest whole one), or one checkpoint", path);
  line.flag("--digest", "only one digest of all tensors, however they are sharded", digest);
  if (!line.parse()) return;
  call.phase = Phase::kCheckpoint;
  const pipeline::Checkpoint checkpoint = pipeline::find_checkpoint(path);
  if (digest) {
    call.out << checkpoint.digest() << "\n";
  } else {
    print_content(call.out, checkpoint);
  }
}

}  // namespace

void run_inspect(Invocation& call) {
  static constexpr Verb subjects[] = {
      {"config",
       "every key with its value, bounds and meaning",
       "configs/demo/cloud.yaml",
       run_inspect_config},
      {"protocols",
       "which views of a sample an evaluation can score",
       "--markdown",
       run_inspect_protocols},
      {"checkpoint",
       "what a checkpoint holds, or its digest",
       "runs/demo_cloud/checkpoints --digest",
       run_inspect_checkpoint},
      {"batch",
       "what a step of a training sees: samples, labels, shares, a digest",
       "configs/demo/clip.yaml --step 1 --output batch.html",
       run_inspect_batch},
      {"run",
       "what the ranks of a training did last, also killed ones",
       "runs/demo_cloud",
       run_inspect_run},
      {"model",
       "layers, shapes, parameters and operations of a network",
       "--model image/a --input 224x224",
       run_inspect_model},
      {"erf",
       "what a place in the middle of a stage looks at, as a picture",
       "--weights runs/demo_cloud/checkpoints --size 32x32x32 --output field.png",
       run_inspect_erf},
  };
  run_verb(subjects, call);
}

}  // namespace larkspur::launch
