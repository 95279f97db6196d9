// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <iomanip>
#include <ostream>

#include <ATen/ops/empty.h>

#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/model_request.h"
#include "model3d/inspect/effective_field.h"
#include "pipeline/require.h"
#include "pipeline/rng.h"
#include "readers/format/npy_file.h"
#include "readers/video/png_file.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;

/// The shares of RepLKNet's table 10.
constexpr std::array kShares{0.2, 0.3, 0.5, 0.99};

/// What the command line asks for.
struct FieldRequest {
  ModelRequest model;
  std::string weights;
  std::string output;
  std::string input;
  std::string size;
  std::int64_t stage = 4;
  std::int64_t samples = 4;
  std::int64_t seed = 0;
};

/// Standard normal samples, a pure function of the seed.
at::Tensor drawn_input(const FieldRequest& request, const model3d::ModelOptions& options) {
  require(!request.size.empty(),
          Errc::kInvalidArgument,
          "either --input x.npy, or --size 224x224 of samples to draw, is needed");
  auto sizes = sample_sizes(options, checked_sizes("--size", request.size));
  sizes.insert(sizes.begin(), request.samples);
  at::Tensor input = at::empty(sizes, at::kFloat);
  float* values = input.data_ptr<float>();
  const std::int64_t each = input.numel() / request.samples;
  for (std::int64_t sample = 0; sample < request.samples; ++sample) {
    const pipeline::SampleKey key{.seed = static_cast<std::uint64_t>(request.seed),
                                  .sample = static_cast<std::uint32_t>(sample)};
    pipeline::CounterRng rng(key, pipeline::Purpose::kSynthetic);
    for (std::int64_t i = 0; i < each; ++i) *values++ = static_cast<float>(rng.normal());
  }
  return input;
}

void print_squares(std::ostream& out,
                   const FieldRequest& request,
                   const model3d::EffectiveField& field,
                   const at::Tensor& scores_HW) {
  out << "stage " << request.stage << ", over place " << model3d::to_text(field.middle) << " of "
      << field.scores_DHW.sizes() << ", in " << request.output << "\nshare  side  of the area\n";
  const auto squares =
      model3d::covering_squares(scores_HW, field.middle[1], field.middle[2], kShares);
  for (const auto& square : squares) {
    out << std::setw(3) << static_cast<int>(100 * square.share + 0.5) << " %" << std::setw(6)
        << square.side << std::setw(11) << std::fixed << std::setprecision(1)
        << 100 * square.area_ratio << " %\n";
  }
}

void check(const FieldRequest& request) {
  require_within("--stage", request.stage, 1, 4);
  require_within("--samples", request.samples, 1, 4096);
  require(request.input.empty() || request.size.empty(),
          Errc::kInvalidArgument,
          "--input gives the samples: leave --size out");
  require(request.seed >= 0, Errc::kInvalidArgument, "--seed is ", request.seed, ", not >= 0");
  require(readers::can_write_png(),
          Errc::kUnsupported,
          request.output,
          ": this build has no FFmpeg to write PNG files with");
}

}  // namespace

void run_inspect_erf(Invocation& call) {
  FieldRequest request;
  CommandLine line(call,
                   "What a place in the middle of a stage looks at: its effective receptive field.",
                   "--weights runs/demo_cloud/checkpoints --size 32x32x32 --output field.png");
  line.required_option("--weights", ".safetensors or .pth file, or a checkpoint", request.weights);
  line.required_option("--output", ".png to write, H x W, summed over D", request.output);
  line.option("--model", "FORM/VARIANT; a checkpoint knows", request.model.model);
  line.option("--classes", "of the head; a checkpoint knows", request.model.classes);
  line.option("--stage", "1 to 4", request.stage);
  line.option("--input", ".npy of samples, as the form has them", request.input);
  line.option("--size", "of samples to draw instead, standard normal: 224x224", request.size);
  line.option("--samples", "to draw", request.samples);
  line.option("--seed", "of the draws", request.seed);
  request.model.declare_shapes(line);
  if (!line.parse()) return;
  check(request);
  check_request(request.model, request.weights);
  call.phase = Phase::kCheckpoint;
  const auto network = network_from(request.model, request.weights);
  call.phase = Phase::kStart;
  const at::Tensor input = request.input.empty() ? drawn_input(request, network->options())
                                                 : readers::read_npy(request.input).value();
  call.phase = Phase::kRun;
  const auto field =
      model3d::effective_field(*network, input, static_cast<std::size_t>(request.stage - 1));
  const at::Tensor scores_HW = field.scores_DHW.sum(0);
  const at::Tensor grey = model3d::grey_levels(scores_HW);
  readers::write_png(request.output,
                     grey.size(1),
                     grey.size(0),
                     {grey.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(grey.numel())});
  print_squares(call.out, request, field, scores_HW);
}

}  // namespace larkspur::launch
