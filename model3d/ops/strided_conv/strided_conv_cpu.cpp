// SPDX-License-Identifier: Apache-2.0
// A strip of rows at a time, as many as second-level cache holds:
//
//   forward    x -- gather -- rows [places][taps][channels] -- product -- y
//   backward   x -- gather -- rows        dweight += dy^T rows        dy -- product -- drows -- add
//   where gathered -- dx
#include <algorithm>
#include <vector>

#include "model3d/kernels/parallel_for.h"
#include "model3d/kernels/products.h"
#include "model3d/kernels/scratch.h"
#include "model3d/kernels/sliced_sums.h"
#include "model3d/kernels/tiles.h"
#include "model3d/ops/strided_conv/strided_conv_kernels.h"

namespace larkspur::model3d {
namespace {

/// What output places see of a batch of maps.
class Neighbours {
 public:
  explicit Neighbours(const StridedConvShape& shape) : shape_(shape) {}

  /// rows [count][taps][inputs] of the batch's output places from `first` on.
  void gather(float* rows, const float* x, std::int64_t first, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const Place place = place_of(first + i);
      float* row = rows + i * shape_.row();
      if (hangs_over(place)) std::fill_n(row, shape_.row(), 0.0F);
      for_spans(place, [&](std::int64_t in_row, std::int64_t in_map, std::int64_t floats) {
        std::copy_n(x + in_map, floats, row + in_row);
      });
    }
  }

  /// The way back: every value is added to the place it was gathered from.
  void scatter(float* dx, const float* rows, std::int64_t first, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = rows + i * shape_.row();
      for_spans(place_of(first + i),
                [&](std::int64_t in_row, std::int64_t in_map, std::int64_t floats) {
                  add(dx + in_map, row + in_row, floats);
                });
    }
  }

  /// Floats of a sample's input map.
  std::int64_t map() const { return shape_.in[0] * shape_.in[1] * shape_.in[2] * shape_.inputs; }

 private:
  struct Place {
    std::int64_t sample;
    std::int64_t begin[3];  // of the taps in the input map, may lie outside
  };

  Place place_of(std::int64_t row) const {
    const auto& out = shape_.out;
    const std::int64_t at[3] = {
        row / (out[2] * out[1]) % out[0], row / out[2] % out[1], row % out[2]};
    Place place{row / shape_.positions(), {}};
    for (int axis = 0; axis < 3; ++axis) {
      place.begin[axis] = at[axis] * shape_.stride[axis] - shape_.padding[axis];
    }
    return place;
  }

  bool hangs_over(const Place& place) const {
    for (int axis = 0; axis < 3; ++axis) {
      const std::int64_t begin = place.begin[axis];
      if (begin < 0 || begin + shape_.taps[axis] > shape_.in[axis]) return true;
    }
    return false;
  }

  /// span(offset in the row, offset in the batch of maps, floats): taps along w lie side by side.
  template <typename Span>
  void for_spans(const Place& place, const Span& span) const {
    const std::int64_t first = std::max<std::int64_t>(0, -place.begin[2]);
    const std::int64_t last = std::min(shape_.taps[2], shape_.in[2] - place.begin[2]);
    if (first >= last) return;
    for (std::int64_t d = 0; d < shape_.taps[0]; ++d) {
      const std::int64_t z = place.begin[0] + d;
      if (z < 0 || z >= shape_.in[0]) continue;
      for (std::int64_t h = 0; h < shape_.taps[1]; ++h) {
        const std::int64_t y = place.begin[1] + h;
        if (y < 0 || y >= shape_.in[1]) continue;
        const std::int64_t tap = (d * shape_.taps[1] + h) * shape_.taps[2] + first;
        const std::int64_t line = (place.sample * shape_.in[0] + z) * shape_.in[1] + y;
        const std::int64_t at = line * shape_.in[2] + place.begin[2] + first;
        span(tap * shape_.inputs, at * shape_.inputs, (last - first) * shape_.inputs);
      }
    }
  }

  const StridedConvShape& shape_;
};

/// [outputs][taps][inputs]: as rows are gathered.
Scratch with_channels_last(const float* weight, const StridedConvShape& shape) {
  Scratch matrix = make_scratch(shape.outputs * shape.row());
  for (std::int64_t o = 0; o < shape.outputs; ++o) {
    const std::int64_t begin = o * shape.row();
    transpose(
        matrix.get() + begin, shape.inputs, {weight + begin, shape.inputs, shape.tap_count()});
  }
  return matrix;
}

/// Of a strip: a quarter of a megabyte, but enough for each to be worth reading the weights.
std::int64_t most_rows(const StridedConvShape& shape) {
  return std::clamp<std::int64_t>(65'536 / shape.row(), 48, 240);
}

/// Calls strip(first row, rows) for all output places of a tile, gathered rows in cache.
template <typename Strip>
void for_strips(const SampleTile& tile, const StridedConvShape& shape, const Strip& strip) {
  const std::int64_t most = most_rows(shape);
  const std::int64_t end = (tile.first + tile.count) * shape.positions();
  for (std::int64_t row = tile.first * shape.positions(); row < end; row += most) {
    strip(row, std::min(most, end - row));
  }
}

}  // namespace

void strided_conv_forward_cpu(float* y,
                              const float* x,
                              const float* weight,
                              const float* bias,
                              const StridedConvShape& shape) {
  const Scratch last = with_channels_last(weight, shape);
  const PackedMatrix packed(
      {last.get(), shape.outputs, shape.row()}, Transposed::kYes, {shape.factors});
  const Neighbours neighbours(shape);
  const std::vector<SampleTile> tiles = sample_tiles(shape.n, shape.positions());
  parallel_for(static_cast<std::int64_t>(tiles.size()), [&](std::int64_t begin, std::int64_t end) {
    const Scratch rows = make_scratch(most_rows(shape) * shape.row());
    for (std::int64_t i = begin; i < end; ++i) {
      for_strips(
          tiles[static_cast<std::size_t>(i)], shape, [&](std::int64_t first, std::int64_t count) {
            neighbours.gather(rows.get(), x, first, count);
            packed.multiply(y + first * shape.outputs, {rows.get(), count, shape.row()}, bias);
          });
    }
  });
}

void strided_conv_backward_cpu(float* dx,
                               float* dweight,
                               float* dbias,
                               const float* dy,
                               const float* x,
                               const float* weight,
                               const StridedConvShape& shape) {
  const Scratch last = with_channels_last(weight, shape);
  const PackedMatrix packed(
      {last.get(), shape.outputs, shape.row()}, Transposed::kNo, {shape.factors});
  const Neighbours neighbours(shape);
  const std::vector<SampleTile> tiles = sample_tiles(shape.n, shape.positions());
  const std::int64_t weights = shape.outputs * shape.row();
  const Scratch dlast = make_scratch(weights);
  const SlicedSums<2> sums({dlast.get(), dbias}, {weights, shape.outputs}, tiles.size());
  sums.add_over_slices([&](const auto& own, std::size_t begin, std::size_t end) {
    const Scratch rows = make_scratch(most_rows(shape) * shape.row());
    ColumnSums of_strip(shape.outputs);
    for (std::size_t i = begin; i < end; ++i) {
      const SampleTile& tile = tiles[i];
      if (dx != nullptr) {
        std::fill_n(dx + tile.first * neighbours.map(), tile.count * neighbours.map(), 0.0F);
      }
      for_strips(tile, shape, [&](std::int64_t first, std::int64_t count) {
        const RowMajor strip{dy + first * shape.outputs, count, shape.outputs};
        for (std::int64_t row = 0; row < count; ++row) {
          add(of_strip.block(), strip.data + row * shape.outputs, shape.outputs);
        }
        of_strip.add_block();
        neighbours.gather(rows.get(), x, first, count);
        add_transposed_product(own[0], strip, {rows.get(), count, shape.row()}, {shape.factors});
        if (dx == nullptr) return;
        packed.multiply(rows.get(), strip);
        neighbours.scatter(dx, rows.get(), first, count);
      });
    }
    add(own[1], of_strip.data(), shape.outputs);
  });
  for (std::int64_t o = 0; o < shape.outputs; ++o) {
    const std::int64_t begin = o * shape.row();
    transpose(
        dweight + begin, shape.tap_count(), {dlast.get() + begin, shape.tap_count(), shape.inputs});
  }
}

}  // namespace larkspur::model3d
