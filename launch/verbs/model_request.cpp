// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/model_request.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "launch/run/assemble.h"
#include "launch/run/weights_file.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kLongestAxis = 16384;
constexpr std::int64_t kMostPlaces = std::int64_t{1} << 30;

template <std::size_t kSize>
std::array<std::int64_t, kSize> list_of(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> numbers;
  try {
    numbers = numbers_of(option, text);
  } catch (const pipeline::Error&) {
    numbers.clear();  // said below, with how many there should be
  }
  require(numbers.size() == kSize,
          Errc::kInvalidArgument,
          option,
          " takes ",
          kSize,
          kSize == 1 ? " whole number, as in " : " whole numbers, as in ",
          kSize == 1   ? "4"
          : kSize == 4 ? "2,1,1,1"
                       : "5x13x13",
          ", not '",
          text,
          "'");
  std::array<std::int64_t, kSize> list{};
  std::ranges::copy(numbers, list.begin());
  return list;
}

template <typename Choice>
Choice choice_of(const std::string& option, const std::string& text) {
  const auto words = enum_names(Choice{});
  const auto word = std::ranges::find(words, text);
  std::string known;
  for (const std::string_view each : words) known.append(known.empty() ? "" : " or ").append(each);
  require(
      word != words.end(), Errc::kInvalidArgument, option, " takes ", known, ", not '", text, "'");
  return static_cast<Choice>(word - words.begin());
}

/// What is told of a clip's third axis.
void tell_time(const ModelRequest& request, model3d::ModelOptions& options) {
  if (!request.temporal_strides.empty()) {
    options.temporal_strides = list_of<4>("--temporal-strides", request.temporal_strides);
  }
  if (!request.temporal_taps.empty()) {
    options.temporal_taps = list_of<3>("--temporal-taps", request.temporal_taps);
  }
  if (!request.time_padding.empty()) {
    options.time_padding = choice_of<model3d::TimePadding>("--time-padding", request.time_padding);
  }
  if (!request.inflation.empty()) {
    options.inflation = choice_of<model3d::Inflation>("--inflation", request.inflation);
  }
  options.separable_time = request.separable_time;
}

std::unique_ptr<model3d::Network> network_of_checkpoint(const ModelRequest& request,
                                                        const std::string& weights) {
  require(!request.tells_shapes(),
          Errc::kInvalidArgument,
          weights,
          " is a checkpoint: kernel, strides and views are its own, leave them out");
  auto network = network_of(weights);
  const model3d::ModelOptions& own = network->options();
  if (request.model.empty()) return network;
  ModelRequest asking = request;
  if (asking.classes == 0) asking.classes = own.classes;
  const model3d::ModelOptions asked = asking.options();
  require(own.form == asked.form && own.variant == asked.variant && own.classes == asked.classes,
          Errc::kInvalidArgument,
          weights,
          " holds ",
          own.form,
          "/",
          own.variant,
          " with ",
          own.classes,
          " classes, not what --model and --classes say");
  return network;
}

std::unique_ptr<model3d::Network> network_of_file(const ModelRequest& request,
                                                  const std::string& weights) {
  model3d::ModelOptions options = request.options();
  const auto file = open_weights(weights);
  options.norm_before_downsampling = model3d::holds_norm_before_downsampling(*file);
  auto network = std::make_unique<model3d::Network>(options);
  check_metadata(*network, *file);
  if (model3d::holds_merged_weights(*file)) network->merge();
  fill_from_weights(*network, *file, model3d::HeadRule::kLoad);
  return network;
}

}  // namespace

void ModelRequest::declare_shapes(CommandLine& line) {
  line.option("--kernel", "large taps, as in 5x13x13; default: the form's", kernel);
  line.option("--stem-stride", "2 or 4; default: the form's", stem_stride);
  line.option("--temporal-strides", "form clip, as in 2,1,1,1", temporal_strides);
  line.option("--temporal-taps", "form clip, stages 2 to 4, as in 5,5,3", temporal_taps);
  line.option("--spatial-taps", "stages 2 to 4, as in 13,13,11", spatial_taps);
  line.flag("--separable-time",
            "form clip: large kernels as one in space and one in time",
            separable_time);
  line.option("--time-padding", "form clip: zeros or replicate", time_padding);
  line.option("--inflation", "form clip, weights of pictures: centre or mean", inflation);
  line.option("--view-pooling", "of views, max or mean; default: max", view_pooling);
  line.option("--view-stem-stride", "form joint, of its views", view_stem_stride);
  line.option("--view-taps", "form joint, large taps of its views; default: --kernel's", view_taps);
  line.option("--drawing-size", "form points, pixels; default: 112", drawing_size);
}

bool ModelRequest::tells_shapes() const {
  return separable_time ||
         !(kernel + stem_stride + temporal_strides + temporal_taps + spatial_taps + time_padding +
           inflation + view_pooling + view_stem_stride + view_taps + drawing_size)
              .empty();
}

model3d::ModelOptions ModelRequest::options() const {
  const auto slash = model.find('/');
  require(slash != std::string::npos,
          Errc::kInvalidArgument,
          "--model takes FORM/VARIANT, as in clip/a, not '",
          model,
          "'");
  require(classes > 0,
          Errc::kInvalidArgument,
          "--classes is ",
          classes,
          ": a file of weights needs to be told how many there are");
  model3d::ModelOptions options;
  options.form = model.substr(0, slash);
  options.variant = model.substr(slash + 1);
  options.classes = classes;
  if (!kernel.empty()) options.kernel = list_of<3>("--kernel", kernel);
  if (!stem_stride.empty()) options.stem_stride = list_of<1>("--stem-stride", stem_stride)[0];
  tell_time(*this, options);
  if (!spatial_taps.empty()) options.spatial_taps = list_of<3>("--spatial-taps", spatial_taps);
  if (!view_pooling.empty()) options.view_pooling = view_pooling;
  if (!view_stem_stride.empty()) {
    options.view_stem_stride = list_of<1>("--view-stem-stride", view_stem_stride)[0];
  }
  if (!view_taps.empty()) options.view_taps = list_of<1>("--view-taps", view_taps)[0];
  if (!drawing_size.empty()) options.drawing_size = list_of<1>("--drawing-size", drawing_size)[0];
  options.check();
  return options;
}

std::vector<std::int64_t> numbers_of(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto skip = [&] {
    while (at != end && std::string_view("[], x").find(*at) != std::string_view::npos) ++at;
  };
  for (skip(); at != end; skip()) {
    std::int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    require(error == std::errc(),
            Errc::kInvalidArgument,
            option,
            " takes whole numbers, as in 16x224x224, not '",
            text,
            "'");
    numbers.push_back(number);
    at = next;
  }
  require(
      !numbers.empty(), Errc::kInvalidArgument, option, " takes whole numbers, not '", text, "'");
  return numbers;
}

std::vector<std::int64_t> checked_sizes(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> sizes = numbers_of(option, text);
  std::int64_t places = 1;
  for (const std::int64_t size : sizes) {
    const bool fits = size >= 1 && size <= kLongestAxis && places <= kMostPlaces / size;
    require(fits,
            Errc::kInvalidArgument,
            option,
            " ",
            text,
            " is not of axes of 1 to ",
            kLongestAxis,
            " places with ",
            kMostPlaces,
            " together at most");
    places *= size;
  }
  return sizes;
}

std::vector<std::int64_t> sample_sizes(const model3d::Form& form,
                                       const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> sizes = numbers;
  switch (form.extractor) {
    case model3d::ExtractorKind::kPoints:
      sizes.push_back(form.in_channels);
      break;
    case model3d::ExtractorKind::kViews:
      if (!sizes.empty()) sizes.insert(sizes.begin() + 1, form.in_channels);
      break;
    default:
      sizes.insert(sizes.begin(), form.in_channels);
  }
  return sizes;
}

void check_request(const ModelRequest& request, const std::string& weights) {
  std::error_code error;
  require(fs::exists(weights, error), Errc::kNotFound, "--weights ", weights, " is not there");
  if (fs::is_directory(weights, error)) return;
  require(!request.model.empty(),
          Errc::kInvalidArgument,
          weights,
          " is a file of weights: --model FORM/VARIANT and --classes say what it is of");
  request.options();
}

std::unique_ptr<model3d::Network> network_from(const ModelRequest& request,
                                               const std::string& weights) {
  check_request(request, weights);
  std::error_code error;
  return fs::is_directory(weights, error) ? network_of_checkpoint(request, weights)
                                          : network_of_file(request, weights);
}

}  // namespace larkspur::launch
