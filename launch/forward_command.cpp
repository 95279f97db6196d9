// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <filesystem>

#include <ATen/core/grad_mode.h>

#include "launch/assemble.h"
#include "launch/command_line.h"
#include "launch/commands.h"
#include "launch/config_file.h"
#include "launch/weights_file.h"
#include "pipeline/checkpoint.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "readers/npy_file.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

/// What the command line asks for; lists are text, "5x13x13" or "[5,13,13]".
struct ForwardRequest {
  std::string model;
  std::int64_t classes = 0;
  std::string weights;
  std::string input;
  std::string second_input;
  std::string output;
  std::string kernel;
  std::string stem_stride;
  std::string temporal_strides;
  std::string temporal_taps;
  std::string spatial_taps;
  std::string time_padding;
  std::string inflation;
  std::string view_stem_stride;
  std::string view_pooling;
  std::string drawing_size;
  bool separable_time = false;
  bool merged = false;

  bool tells_shapes() const {
    return separable_time ||
           !(kernel + stem_stride + temporal_strides + temporal_taps + spatial_taps + time_padding +
             inflation + view_stem_stride + view_pooling + drawing_size)
                .empty();
  }
};

template <std::size_t kSize>
std::array<std::int64_t, kSize> list_of(const std::string& option, const std::string& text) {
  std::array<std::int64_t, kSize> list{};
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto skip = [&] {
    while (at != end && std::string_view("[], x").find(*at) != std::string_view::npos) ++at;
  };
  bool good = true;
  for (std::int64_t& entry : list) {
    skip();
    const auto [next, error] = std::from_chars(at, end, entry);
    good = good && error == std::errc();
    at = next;
  }
  skip();
  require(good && at == end,
          Errc::kInvalidArgument,
          option,
          " takes ",
          kSize,
          " whole numbers, as in ",
          kSize == 4 ? "2,1,1,1" : "5x13x13",
          ", not '",
          text,
          "'");
  return list;
}

template <typename Choice>
Choice choice_of(const std::string& option, const std::string& text) {
  const auto words = word_list(Choice{});
  const auto word = std::ranges::find(words, text);
  std::string known;
  for (const std::string_view each : words) known.append(known.empty() ? "" : " or ").append(each);
  require(
      word != words.end(), Errc::kInvalidArgument, option, " takes ", known, ", not '", text, "'");
  return static_cast<Choice>(word - words.begin());
}

void tell_axes(const ForwardRequest& request, model3d::ModelOptions& options) {
  if (!request.temporal_strides.empty()) {
    options.temporal_strides = list_of<4>("--temporal-strides", request.temporal_strides);
  }
  if (!request.temporal_taps.empty()) {
    options.temporal_taps = list_of<3>("--temporal-taps", request.temporal_taps);
  }
  if (!request.spatial_taps.empty()) {
    options.spatial_taps = list_of<3>("--spatial-taps", request.spatial_taps);
  }
  if (!request.time_padding.empty()) {
    options.time_padding = choice_of<model3d::TimePadding>("--time-padding", request.time_padding);
  }
  if (!request.inflation.empty()) {
    options.inflation = choice_of<model3d::Inflation>("--inflation", request.inflation);
  }
  options.separable_time = request.separable_time;
}

model3d::ModelOptions options_of(const ForwardRequest& request) {
  const auto slash = request.model.find('/');
  require(slash != std::string::npos,
          Errc::kInvalidArgument,
          "--model takes FORM/VARIANT, as in clip/a, not '",
          request.model,
          "'");
  model3d::ModelOptions options;
  options.form = request.model.substr(0, slash);
  options.variant = request.model.substr(slash + 1);
  options.classes = request.classes;
  if (!request.kernel.empty()) options.kernel = list_of<3>("--kernel", request.kernel);
  if (!request.stem_stride.empty()) {
    options.stem_stride = list_of<1>("--stem-stride", request.stem_stride)[0];
  }
  tell_axes(request, options);
  if (!request.view_stem_stride.empty()) {
    options.view_stem_stride = list_of<1>("--view-stem-stride", request.view_stem_stride)[0];
  }
  if (!request.view_pooling.empty()) options.view_pooling = request.view_pooling;
  if (!request.drawing_size.empty()) {
    options.drawing_size = list_of<1>("--drawing-size", request.drawing_size)[0];
  }
  options.check();
  return options;
}

std::unique_ptr<model3d::Network> network_of_checkpoint(const ForwardRequest& request,
                                                        const model3d::ModelOptions& asked) {
  require(!request.tells_shapes(),
          Errc::kInvalidArgument,
          request.weights,
          " is a checkpoint: kernel, strides and views are its own, leave them out");
  auto network = network_of(request.weights);
  const model3d::ModelOptions& own = network->options();
  require(own.form == asked.form && own.variant == asked.variant && own.classes == asked.classes,
          Errc::kInvalidArgument,
          request.weights,
          " holds ",
          own.form,
          "/",
          own.variant,
          " with ",
          own.classes,
          " classes, not what --model and --classes say");
  return network;
}

std::unique_ptr<model3d::Network> network_of_file(const ForwardRequest& request,
                                                  const model3d::ModelOptions& options) {
  const auto file = open_weights(request.weights);
  auto network = std::make_unique<model3d::Network>(options);
  if (model3d::holds_merged_weights(*file)) network->merge();
  fill_from_weights(*network, *file, model3d::HeadRule::kLoad);
  return network;
}

void add_options(CommandLine& line, ForwardRequest& request) {
  line.required_option("--model", "FORM/VARIANT, as in clip/a", request.model);
  line.option("--classes", "of the head", request.classes);
  line.required_option("--weights", ".safetensors or .pth file, or a checkpoint", request.weights);
  line.required_option(
      "--input",
      ".npy as the form has it: [N,C,H,W], [N,C,T,H,W], [N,1,G,G,G], [N,V,3,S,S] or [N,P,3]",
      request.input);
  line.option("--second-input", "form joint: .npy, the views [N,V,3,S,S]", request.second_input);
  line.required_option("--output", ".npy to write: logits, float32 [N,classes]", request.output);
  line.flag("--merged", "merge branches and norms first", request.merged);
  line.option("--kernel", "large taps, as in 5x13x13; default: the form's", request.kernel);
  line.option("--stem-stride", "2 or 4; default: the form's", request.stem_stride);
  line.option("--temporal-strides", "form clip, as in 2,1,1,1", request.temporal_strides);
  line.option("--temporal-taps", "form clip, stages 2 to 4, as in 5,5,3", request.temporal_taps);
  line.option("--spatial-taps", "stages 2 to 4, as in 13,13,11", request.spatial_taps);
  line.flag("--separable-time",
            "form clip: large kernels as one in space and one in time",
            request.separable_time);
  line.option("--time-padding", "form clip: zeros or replicate", request.time_padding);
  line.option("--inflation", "form clip, weights of pictures: centre or mean", request.inflation);
  line.option("--view-pooling", "of views, max or mean; default: max", request.view_pooling);
  line.option("--view-stem-stride", "form joint, of its views", request.view_stem_stride);
  line.option("--drawing-size", "form points, pixels; default: 112", request.drawing_size);
}

pipeline::Batch batch_of(const ForwardRequest& request) {
  pipeline::Batch batch;
  batch.input = readers::read_npy(request.input).value();
  if (!request.second_input.empty()) {
    batch.second_input = readers::read_npy(request.second_input).value();
  }
  return batch;
}

}  // namespace

void run_forward(Invocation& call) {
  ForwardRequest request;
  CommandLine line(call,
                   "One forward pass in evaluation mode: to check weights against another program.",
                   "--model image/a --classes 1000 --weights a.safetensors --input x.npy "
                   "--output y.npy");
  add_options(line, request);
  if (!line.parse()) return;
  const model3d::ModelOptions options = options_of(request);
  std::error_code error;
  require(fs::exists(request.weights, error),
          Errc::kNotFound,
          "--weights ",
          request.weights,
          " is not there");
  const pipeline::Batch batch = batch_of(request);
  call.phase = Phase::kCheckpoint;
  const auto network = fs::is_directory(request.weights, error)
                           ? network_of_checkpoint(request, options)
                           : network_of_file(request, options);
  if (request.merged) network->merge();
  call.phase = Phase::kRun;
  const at::NoGradGuard no_grad;
  const at::Tensor logits = network->forward(batch);
  readers::write_npy(request.output, logits);
  call.out << "logits " << logits.sizes() << " in " << request.output << "\n";
}

}  // namespace larkspur::launch
