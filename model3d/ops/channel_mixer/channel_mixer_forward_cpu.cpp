// SPDX-License-Identifier: Apache-2.0
// A tile of samples goes through both products while its widened map is in second-level cache:
//
//   u -- * gate -- t -- widen -- h -- gelu -- a -- GRN -- a' -- narrow -- y       tile by tile
//   y -- moments of all tiles -- norm * layer scale * keep + x -- out             second pass

#include "model3d/kernels/parallel_for.h"
#include "model3d/kernels/products.h"
#include "model3d/kernels/scratch.h"
#include "model3d/kernels/tiles.h"
#include "model3d/ops/channel_mixer/channel_mixer_grn.h"

namespace larkspur::model3d {
namespace {

/// What training and evaluation share: both products of a tile.
struct TileProducts {
  const ChannelMixerWeights& weights;
  const ChannelMixerShape& shape;
  const MixerLoops& loops = fastest_mixer_loops();
  std::vector<SampleTile> tiles = sample_tiles(shape.n, shape.positions);
  PackedMatrix widen{
      {weights.widen, shape.widened, shape.channels}, Transposed::kYes, {shape.factors}};
  PackedMatrix narrow{
      {weights.narrow, shape.channels, shape.widened}, Transposed::kYes, {shape.factors}};

  static std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

  /// Of the first tiles, which are the largest.
  std::int64_t most_rows() const { return tiles.front().count * shape.positions; }

  /// a [P][K] = GRN(gelu(h)), h [P][K] getting its bias; norms [K].
  void activate(float* h, float* a, float* norms, ColumnSums& squares) const {
    const std::int64_t k = shape.widened;
    squares.clear();
    for_row_blocks(shape.positions, [&](std::int64_t row, std::int64_t rows) {
      loops.bias_gelu(h + row * k, a + row * k, squares.block(), weights.widen_bias, {rows, k});
      squares.add_block();
    });
    for (std::int64_t i = 0; i < k; ++i) norms[i] = std::sqrt(squares[i]);
    std::vector<float> scale(size_of(k));
    grn_scale(scale.data(), weights.grn_gamma, norms, grn_divisor(norms, k), k);
    loops.affine(a, scale.data(), weights.grn_beta, {shape.positions, k});
  }

  /// y [rows][C] of a tile from its u and gate; leaves h [rows][K] and norms [samples][K]. t and a
  /// are scratch of rows x C and rows x K.
  void run(const SampleTile& tile,
           const float* u,
           const float* gate,
           float* t,
           float* h,
           float* a,
           float* norms,
           float* y) const {
    const std::int64_t p = shape.positions;
    const std::int64_t c = shape.channels;
    const std::int64_t k = shape.widened;
    const std::int64_t rows = tile.count * p;
    ColumnSums squares(k);
    for (std::int64_t s = 0; s < tile.count; ++s) {
      const std::int64_t sample = tile.first + s;
      loops.scale(t + s * p * c, u + sample * p * c, gate + sample * c, {p, c});
    }
    widen.multiply(h, {t, rows, c});
    for (std::int64_t s = 0; s < tile.count; ++s) {
      activate(h + s * p * k, a + s * p * k, norms + s * k, squares);
    }
    narrow.multiply(y, {a, rows, k});
  }
};

struct Forward {
  const ChannelMixerSaved& saved;
  const TileProducts& products;
  const ChannelMixerWeights& weights = products.weights;
  const ChannelMixerShape& shape = products.shape;
  const MixerLoops& loops = products.loops;
  const std::vector<SampleTile>& tiles = products.tiles;
  /// Of each tile's y, a column each: sum, then squares around the tile's own mean.
  std::vector<float> tile_sums = std::vector<float>(tiles.size() * size_of(shape.channels));
  std::vector<float> tile_squares = std::vector<float>(tiles.size() * size_of(shape.channels));

  static std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

  void measure(std::size_t tile, const float* y, std::int64_t rows, ColumnSums& sums) {
    const std::int64_t c = shape.channels;
    float* sum = tile_sums.data() + tile * size_of(c);
    sums.clear();
    for_row_blocks(rows, [&](std::int64_t row, std::int64_t count) {
      loops.sums(sums.block(), y + row * c, {count, c});
      sums.add_block();
    });
    std::copy_n(sums.data(), c, sum);
    std::vector<float> mean(sum, sum + c);
    for (float& value : mean) value /= static_cast<float>(rows);
    sums.clear();
    for_row_blocks(rows, [&](std::int64_t row, std::int64_t count) {
      loops.centred_squares(sums.block(), y + row * c, mean.data(), {count, c});
      sums.add_block();
    });
    std::copy_n(sums.data(), c, tile_squares.data() + tile * size_of(c));
  }

  void run_tiles(const float* u, const float* gate, std::int64_t begin, std::int64_t end) {
    const Scratch t = make_scratch(products.most_rows() * shape.channels);
    const Scratch a = make_scratch(products.most_rows() * shape.widened);
    ColumnSums sums(shape.channels);
    for (std::int64_t i = begin; i < end; ++i) {
      const SampleTile& tile = tiles[size_of(i)];
      const std::int64_t row = tile.first * shape.positions;
      float* y = saved.y + row * shape.channels;
      products.run(tile,
                   u,
                   gate,
                   t.get(),
                   saved.h + row * shape.widened,
                   a.get(),
                   saved.norms + tile.first * shape.widened,
                   y);
      measure(size_of(i), y, tile.count * shape.positions, sums);
    }
  }

  /// Moments of all tiles from those of each (Chan, Golub and LeVeque 1979), in order.
  void combine() const {
    const std::size_t c = size_of(shape.channels);
    for (std::size_t channel = 0; channel < c; ++channel) {
      double rows = 0.0;
      double mean = 0.0;
      double squares = 0.0;
      for (std::size_t i = 0; i < tiles.size(); ++i) {
        const auto more = static_cast<double>(tiles[i].count * shape.positions);
        const double gap = tile_sums[i * c + channel] / more - mean;
        squares += tile_squares[i * c + channel] + gap * gap * rows * more / (rows + more);
        mean += gap * more / (rows + more);
        rows += more;
      }
      saved.mean[channel] = static_cast<float>(mean);
      saved.variance[channel] = static_cast<float>(squares / rows);
    }
  }

  void add_residual(float* out, const float* x, const float* keep) const {
    const std::int64_t c = shape.channels;
    const std::int64_t map = shape.positions * c;
    parallel_for(shape.n, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> scale(size_of(c));
      std::vector<float> shift(size_of(c));
      for (std::int64_t n = begin; n < end; ++n) {
        for (std::int64_t i = 0; i < c; ++i) {
          const double deviation = std::sqrt(double{saved.variance[i]} + weights.norm_eps);
          const double factor = double{keep[n]} * weights.layer_scale[i];
          const double slope = weights.norm_weight[i] / deviation;
          scale[size_of(i)] = static_cast<float>(factor * slope);
          shift[size_of(i)] =
              static_cast<float>(factor * (weights.norm_bias[i] - saved.mean[i] * slope));
        }
        const float* y = saved.y + n * map;
        loops.residual(
            out + n * map, x + n * map, y, scale.data(), shift.data(), {shape.positions, c});
      }
    });
  }
};

}  // namespace

void channel_mixer_forward_cpu(float* out,
                               const ChannelMixerSaved& saved,
                               const float* x,
                               const float* u,
                               const float* gate,
                               const float* keep,
                               const ChannelMixerWeights& weights,
                               const ChannelMixerShape& shape) {
  const TileProducts products{weights, shape};
  Forward forward{saved, products};
  const auto tiles = static_cast<std::int64_t>(products.tiles.size());
  parallel_for(
      tiles, [&](std::int64_t begin, std::int64_t end) { forward.run_tiles(u, gate, begin, end); });
  forward.combine();
  forward.add_residual(out, x, keep);
}

void channel_mixer_evaluate_cpu(float* out,
                                const float* x,
                                const float* u,
                                const float* gate,
                                const float* scale,
                                const float* shift,
                                const ChannelMixerWeights& weights,
                                const ChannelMixerShape& shape) {
  const TileProducts products{weights, shape};
  const auto tiles = static_cast<std::int64_t>(products.tiles.size());
  parallel_for(tiles, [&](std::int64_t begin, std::int64_t end) {
    const Scratch t = make_scratch(products.most_rows() * shape.channels);
    const Scratch y = make_scratch(products.most_rows() * shape.channels);
    const Scratch h = make_scratch(products.most_rows() * shape.widened);
    const Scratch a = make_scratch(products.most_rows() * shape.widened);
    const Scratch norms = make_scratch(products.tiles.front().count * shape.widened);
    for (std::int64_t i = begin; i < end; ++i) {
      const SampleTile& tile = products.tiles[static_cast<std::size_t>(i)];
      const std::int64_t at = tile.first * shape.positions * shape.channels;
      products.run(tile, u, gate, t.get(), h.get(), a.get(), norms.get(), y.get());
      products.loops.residual(
          out + at, x + at, y.get(), scale, shift, {tile.count * shape.positions, shape.channels});
    }
  });
}

}  // namespace larkspur::model3d
