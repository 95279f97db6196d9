// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d_cuda_plan.h"

#include <algorithm>
#include <limits>

#include "model3d/ops/dw_conv3d/dw_conv3d_plan.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr int kMostChannels = 32;
constexpr int kFewRows = 8;  // a tile with fewer reads its halo too often
constexpr int kMma = 16;     // outputs and inputs of a product
constexpr int kWarps = kDwConvThreads / 32;

int ceil_div(int a, int b) { return (a + b - 1) / b; }
int round_up(int a, int b) { return ceil_div(a, b) * b; }

/// Vectors of four floats, and rows of neighbouring strips in different banks.
int pitch_for(int floats) {
  const int pitch = round_up(floats, 4);
  return pitch % 8 == 4 ? pitch : pitch + 4;
}

DwConv3dCudaAxis cuda_axis(std::int64_t size, std::int64_t taps, std::int64_t rate) {
  const DwConv3dAxis axis = trim_axis(size, taps, rate);
  // A rate that leaves one tap is as good as any.
  const std::int64_t used_rate = axis.taps == 1 ? 1 : axis.rate;
  return {static_cast<int>(axis.size),
          static_cast<int>(used_rate),
          static_cast<int>(axis.reach),
          static_cast<int>(axis.taps),
          static_cast<int>(axis.first_tap)};
}

DwConv3dCudaTile cuda_tile(const DwConv3dShape& s) {
  DwConv3dCudaTile tile{};
  tile.d = cuda_axis(s.d, s.kd, s.rd);
  tile.h = cuda_axis(s.h, s.kh, s.rh);
  tile.w = cuda_axis(s.w, s.kw, s.rw);
  tile.n = s.n;
  tile.c = s.c;
  tile.taps_h = static_cast<int>(s.kh);
  tile.taps_w = static_cast<int>(s.kw);
  tile.kernel_taps = s.kd * s.kh * s.kw;
  tile.channels_last = s.layout == DwConv3dLayout::kChannelsLast;
  tile.sample_step = s.c * s.d * s.h * s.w;
  const auto fits = [](std::int64_t count) { return count <= std::numeric_limits<int>::max(); };
  pipeline::require(fits(tile.sample_step) && fits(s.n * s.d * s.h),
                    pipeline::Errc::kUnsupported,
                    "[dw_conv3d] samples of ",
                    tile.sample_step,
                    " elements are too large for a GPU's kernels");
  const std::int64_t apart = tile.channels_last ? s.c : 1;
  tile.w_step = static_cast<int>(apart);
  tile.row_step = static_cast<int>(s.w * apart);
  tile.plane_step = s.h * s.w * apart;
  tile.channel_step = static_cast<int>(tile.channels_last ? 1 : s.d * s.h * s.w);
  return tile;
}

/// Rows of x that rows of y meet under `tap_rows` rows of taps, those outside the map left out.
int x_rows_for(const DwConv3dCudaAxis& h, int rows, int tap_rows) {
  return std::min(h.size, rows + (tap_rows - 1) * h.rate);
}

std::int64_t channel_groups(const DwConv3dCudaTile& tile) {
  return (tile.c + tile.channels - 1) / tile.channels;
}

void need_shared(bool fits, const DwConv3dShape& s) {
  pipeline::require(fits,
                    pipeline::Errc::kUnsupported,
                    "[dw_conv3d] rows of ",
                    s.w,
                    " positions under ",
                    s.kw,
                    " taps do not fit in a GPU's shared memory");
}

/// Lets go of channels, rows, strips until a tile fits: channels first where they lie apart.
struct Shrink {
  int& channels;
  int& rows;
  int& strips;
  bool keeps_channels;
  int few_rows = kFewRows;

  bool smaller() {
    if (keeps_channels && strips > 2) return halve(strips);
    if (keeps_channels && rows > few_rows) return halve(rows);
    if (channels > 1) return halve(channels);
    if (rows > 1) return halve(rows);
    return strips > 1 && halve(strips);
  }
  static bool halve(int& count) {
    count = (count + 1) / 2;
    return true;
  }
};

/// Parts of the batch: enough blocks to keep every GPU of today busy, and a bound for the memory of
/// the slices' sums. `a_slice`: blocks of one.
int slices_for(const DwConv3dCudaTile& tile, int row_tiles, std::int64_t a_slice) {
  constexpr std::int64_t kBlocks = 2048;
  constexpr std::int64_t kPartialElements = std::int64_t{1} << 24;
  const std::int64_t sums = tile.c * tile.d.taps * tile.h.taps * tile.w.taps;
  const std::int64_t most =
      std::max<std::int64_t>(1, std::min(kBlocks / a_slice, kPartialElements / sums));
  return static_cast<int>(std::min(tile.n * tile.d.size * row_tiles, most));
}

}  // namespace

DwConv3dCorrelatePlan plan_cuda_correlation(const DwConv3dShape& shape) {
  DwConv3dCorrelatePlan plan{};
  DwConv3dCudaTile& tile = plan.tile;
  tile = cuda_tile(shape);
  const int runs = tile.w.rate;
  const int run_strips = ceil_div(ceil_div(tile.w.size, runs), kDwConvStrip);
  plan.all_strips = runs * run_strips;
  plan.tap_pitch = round_up(tile.w.taps, kDwConvStep);
  plan.strips = std::min(plan.all_strips, 8);
  tile.rows = std::min(tile.h.size, kDwConvThreads / plan.strips);
  const int spare = kDwConvThreads / (plan.strips * tile.rows);
  const int wanted = tile.channels_last ? std::max(spare, 8) : spare;
  tile.channels =
      static_cast<int>(std::min<std::int64_t>(tile.c, std::clamp(wanted, 1, kMostChannels)));
  Shrink shrink{tile.channels, tile.rows, plan.strips, tile.channels_last};
  const auto fits = [&] {
    // A dilated row is kept whole: its strips are spread over all of it.
    const int outputs = runs == 1 ? plan.strips * kDwConvStrip : runs * run_strips * kDwConvStrip;
    tile.x_pitch = pitch_for(outputs + runs * plan.tap_pitch);
    tile.x_rows = x_rows_for(tile.h, tile.rows, tile.h.taps);
    plan.tap_rows = std::min(tile.h.taps, kDwConvOtherFloats / (tile.channels * plan.tap_pitch));
    const std::int64_t floats = std::int64_t{tile.channels} * tile.x_rows * tile.x_pitch;
    return tile.channels * tile.rows * plan.strips <= kDwConvThreads &&
           floats <= kDwConvTileFloats && plan.tap_rows > 0;
  };
  while (!fits()) need_shared(shrink.smaller(), shape);
  plan.blocks = tile.n * channel_groups(tile) * tile.d.size * ceil_div(tile.h.size, tile.rows) *
                ceil_div(plan.all_strips, plan.strips);
  return plan;
}

std::optional<DwConv3dMmaPlan> plan_cuda_mma(const DwConv3dShape& shape) {
  constexpr int kFewTaps = 5;  // with fewer, most of a band is zeros
  DwConv3dMmaPlan plan{};
  DwConv3dCudaTile& tile = plan.tile;
  tile = cuda_tile(shape);
  if (tile.w.rate != 1 || tile.w.taps < kFewTaps) return std::nullopt;
  plan.all_strips = ceil_div(tile.w.size, kMma);
  // A row that is one strip needs no halo: what lies outside is not in the matrix.
  const bool whole_rows = plan.all_strips == 1;
  plan.steps = whole_rows ? 1 : ceil_div(kMma + tile.w.taps - 1, kMma);
  plan.band = 2 * kMma * (plan.steps + 1);
  plan.first_column = whole_rows ? 0 : -tile.w.reach;
  plan.strips = std::min(plan.all_strips, 4);
  plan.row_groups = std::min(ceil_div(tile.h.size, kMma), kWarps / plan.strips);
  const int spare = kWarps / (plan.strips * plan.row_groups);
  tile.channels =
      static_cast<int>(std::min<std::int64_t>(tile.c, tile.channels_last ? kWarps : spare));
  Shrink shrink{tile.channels, plan.row_groups, plan.strips, tile.channels_last};
  shrink.few_rows = 1;
  const auto fits = [&] {
    tile.rows = plan.row_groups * kMma;
    tile.x_rows = tile.rows + 2 * tile.h.reach * tile.h.rate;
    // Rows of eight fragments in different banks.
    tile.x_pitch = kMma * (plan.strips + plan.steps - 1) + kMma / 2;
    plan.tap_rows = std::min(tile.h.taps, kDwConvBandHalves / (tile.channels * plan.band));
    const std::int64_t halves = std::int64_t{tile.channels} * tile.x_rows * tile.x_pitch;
    return tile.channels * plan.row_groups * plan.strips <= kWarps && halves <= kDwConvTileHalves &&
           plan.tap_rows > 0;
  };
  while (!fits()) {
    if (!shrink.smaller()) return std::nullopt;
  }
  plan.blocks = tile.n * channel_groups(tile) * tile.d.size * ceil_div(tile.h.size, tile.rows) *
                ceil_div(plan.all_strips, plan.strips);
  return plan;
}

DwConv3dGradientPlan plan_cuda_weight_gradient(const DwConv3dShape& shape) {
  DwConv3dGradientPlan plan{};
  DwConv3dCudaTile& tile = plan.tile;
  tile = cuda_tile(shape);
  const int runs = tile.w.rate;
  const int run_steps = ceil_div(ceil_div(tile.w.size, runs), kDwConvStep);
  plan.tap_strips = ceil_div(tile.w.taps, kDwConvStrip);
  plan.tap_rows = tile.h.taps;
  plan.y_pitch = round_up(runs * run_steps * kDwConvStep, 4);
  tile.x_pitch = pitch_for(runs * (run_steps * kDwConvStep + plan.tap_strips * kDwConvStrip));
  tile.rows = std::min(tile.h.size, 32);
  tile.channels = static_cast<int>(std::min<std::int64_t>(tile.c, tile.channels_last ? 8 : 4));
  Shrink shrink{tile.channels, tile.rows, plan.tap_rows, false};
  const auto fits = [&] {
    tile.x_rows = x_rows_for(tile.h, tile.rows, plan.tap_rows);
    const std::int64_t x_floats = std::int64_t{tile.channels} * tile.x_rows * tile.x_pitch;
    return x_floats <= kDwConvTileFloats &&
           tile.channels * tile.rows * plan.y_pitch <= kDwConvOtherFloats &&
           tile.channels * plan.tap_rows * plan.tap_strips <= kDwConvThreads;
  };
  while (!fits()) need_shared(shrink.smaller(), shape);
  plan.groups =
      std::min(tile.rows, kDwConvThreads / (tile.channels * plan.tap_rows * plan.tap_strips));
  plan.row_tiles = ceil_div(tile.h.size, tile.rows);
  const std::int64_t a_slice =
      channel_groups(tile) * tile.d.taps * ceil_div(tile.h.taps, plan.tap_rows);
  plan.slices = slices_for(tile, plan.row_tiles, a_slice);
  plan.blocks = plan.slices * a_slice;
  return plan;
}

std::optional<DwConv3dGradientMmaPlan> plan_cuda_gradient_mma(const DwConv3dShape& shape) {
  constexpr int kFewTaps = 5;    // with fewer along an axis, most of a product is not asked for
  constexpr int kManyRows = 16;  // of a tile: with fewer its halo is read too often
  constexpr int kCopy = kDwConvGradientHalves / 2;
  DwConv3dGradientMmaPlan plan{};
  DwConv3dCudaTile& tile = plan.tile;
  tile = cuda_tile(shape);
  const auto fits_product = [](int taps) { return taps >= kFewTaps && taps <= kMma; };
  if (tile.w.rate != 1 || !fits_product(tile.w.taps) || !fits_product(tile.h.taps)) {
    return std::nullopt;
  }
  plan.columns = round_up(tile.w.size, kMma);
  plan.y_pitch = plan.columns + kMma;
  tile.x_pitch = plan.columns + kMma / 2;  // rows of eight fragments in different banks
  const int tap_rows = tile.h.taps > kMma / 2 ? kMma : kMma / 2;
  const int halo = (tap_rows - 1) * tile.h.rate;
  plan.high_step = tap_rows == kMma ? kMma / 2 * tile.h.rate : 0;
  for (int channels = kWarps; channels > 0 && tile.rows == 0; channels /= 2) {
    const int most = std::min(kCopy / (channels * plan.y_pitch),
                              kDwConvGradientHalves / (channels * tile.x_pitch) - halo);
    if (most < std::min(tile.h.size, channels > 1 ? kManyRows : 1)) continue;
    plan.row_tiles = ceil_div(tile.h.size, most);
    tile.rows = ceil_div(tile.h.size, plan.row_tiles);
    tile.channels = static_cast<int>(std::min<std::int64_t>(tile.c, channels));
  }
  if (tile.rows == 0) return std::nullopt;
  tile.x_rows = tile.rows + halo;
  plan.groups = std::min(tile.rows, kWarps / tile.channels);
  const std::int64_t a_slice = channel_groups(tile) * tile.d.taps;
  plan.slices = slices_for(tile, plan.row_tiles, a_slice);
  plan.blocks = plan.slices * a_slice;
  return plan;
}

std::int64_t dw_conv3d_partial_elements(const DwConv3dShape& shape) {
  const DwConv3dGradientPlan plan = plan_cuda_weight_gradient(shape);
  const std::optional<DwConv3dGradientMmaPlan> mma = plan_cuda_gradient_mma(shape);
  const std::int64_t slices = std::max(plan.slices, mma ? mma->slices : 0);
  const DwConv3dCudaTile& tile = plan.tile;
  return slices * tile.c * tile.d.taps * tile.h.taps * tile.w.taps;
}

}  // namespace larkspur::model3d
