// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <ATen/core/grad_mode.h>

#include "launch/run/weights_file.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/model_request.h"
#include "model3d/forms.h"
#include "model3d/inspect/stage_features.h"
#include "pipeline/require.h"
#include "readers/format/npy_file.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

/// What the command line asks for.
struct ForwardRequest {
  ModelRequest model;
  std::string weights;
  std::string input;
  std::string second_input;
  std::string output;
  std::string features;
  bool merged = false;
};

/// All features but the logits: one file if the name says so, else a folder of arrays.
void write_features(const fs::path& path, const std::vector<model3d::StageFeature>& features) {
  std::vector<model3d::NamedTensor> entries;
  for (const auto& [name, values] : features) {
    if (name != "logits") entries.push_back({name, values, model3d::TensorKind::kStatistic});
  }
  if (path.extension() == ".safetensors") return write_tensors(entries, {{"format", "pt"}}, path);
  std::error_code error;
  fs::create_directories(path, error);
  require(fs::is_directory(path), Errc::kIo, "--features ", path.string(), ": no such folder");
  for (const model3d::NamedTensor& entry : entries) {
    readers::write_npy(path / (entry.name + ".npy"), entry.tensor);
  }
}

pipeline::Batch batch_of(const ForwardRequest& request) {
  pipeline::Batch batch;
  // A form of one input takes it under any name.
  batch.inputs[model3d::kVoxelInput] = readers::read_npy(request.input).value();
  if (!request.second_input.empty()) {
    batch.inputs[model3d::kViewInput] = readers::read_npy(request.second_input).value();
  }
  return batch;
}

void run_request(Invocation& call, const ForwardRequest& request) {
  const pipeline::Batch batch = batch_of(request);
  call.phase = Phase::kCheckpoint;
  const auto network = network_from(request.model, request.weights);
  if (request.merged) network->merge();
  call.phase = Phase::kRun;
  const at::NoGradGuard no_grad;
  std::vector<model3d::StageFeature> features;  // large: kept where they are asked for alone
  if (!request.features.empty()) features = model3d::stage_features(*network, batch);
  const at::Tensor logits = features.empty() ? network->forward(batch) : features.back().values;
  readers::write_npy(request.output, logits);
  call.out << "logits " << logits.sizes() << " in " << request.output << "\n";
  if (features.empty()) return;
  write_features(request.features, features);
  call.out << features.size() - 1 << " features in " << request.features << "\n";
}

}  // namespace

void run_forward(Invocation& call) {
  ForwardRequest request;
  CommandLine line(call,
                   "One forward pass in evaluation mode: to check weights against another program.",
                   "--model image/a --classes 1000 --weights a.safetensors --input x.npy "
                   "--output y.npy");
  line.required_option("--model", "FORM/VARIANT, as in clip/a", request.model.model);
  line.option("--classes", "of the head", request.model.classes);
  line.required_option("--weights", ".safetensors or .pth file, or a checkpoint", request.weights);
  line.required_option("--input",
                       ".npy as the form has it: [N,C,H,W], [N,C,T,H,W], [N,1,G,G,G] or "
                       "[N,12,G,G,G], [N,V,3,S,S] or [N,P,3]",
                       request.input);
  line.option("--second-input", "form joint: .npy, the views [N,V,3,S,S]", request.second_input);
  line.required_option("--output", ".npy to write: logits, float32 [N,classes]", request.output);
  line.option("--features",
              "also write stem, stage1, down1 .. stage4, head_norm: a .safetensors file, or a "
              "folder of .npy",
              request.features);
  line.flag("--merged", "merge branches and norms first", request.merged);
  request.model.declare_shapes(line);
  if (!line.parse()) return;
  check_request(request.model, request.weights);
  run_request(call, request);
}

}  // namespace larkspur::launch
