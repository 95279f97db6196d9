// SPDX-License-Identifier: Apache-2.0
// Backward, tile by tile as forward; what is cheap to compute again is not kept:
//
//   dout, y -- sums of all rows -- dy      first pass and, in cache, the norm's gradient
//   h -- gelu -- a        dy -- narrow^T -- dq      a, dq -- GRN's sums, a' -- dW2 += dy^T a'
//   dq, h -- GRN and GELU backward -- dh           dW1 += dh^T t      dh -- widen^T -- dt -- du,
//   dgate
#include "model3d/kernels/parallel_for.h"
#include "model3d/kernels/products.h"
#include "model3d/kernels/scratch.h"
#include "model3d/kernels/sliced_sums.h"
#include "model3d/kernels/tiles.h"
#include "model3d/ops/channel_mixer/channel_mixer_grn.h"

namespace larkspur::model3d {
namespace {

std::size_t index(std::int64_t n) { return static_cast<std::size_t>(n); }

/// What the norm's gradient needs of all rows, and its own parameters' gradients.
class NormBackward {
 public:
  NormBackward(const ChannelMixerSaved& saved,
               const ChannelMixerWeights& weights,
               const ChannelMixerShape& shape,
               const MixerLoops& loops)
      : saved_(saved), weights_(weights), shape_(shape), loops_(loops) {}

  /// Sums of keep[n] * dout, and of the same times y - mean, a sample each, then of all in order.
  void sum(const float* dout, const float* keep) {
    const std::int64_t c = shape_.channels;
    const std::int64_t map = shape_.positions * c;
    std::vector<float> sums(index(shape_.n * c));
    std::vector<float> products(index(shape_.n * c));
    parallel_for(shape_.n, [&](std::int64_t begin, std::int64_t end) {
      ColumnSums sum(c);
      ColumnSums product(c);
      for (std::int64_t n = begin; n < end; ++n) {
        sum.clear();
        product.clear();
        for_row_blocks(shape_.positions, [&](std::int64_t row, std::int64_t rows) {
          const float* g = dout + n * map + row * c;
          const float* y = saved_.y + n * map + row * c;
          loops_.norm_sums(sum.block(), product.block(), g, y, saved_.mean, {rows, c});
          sum.add_block();
          product.add_block();
        });
        std::copy_n(sum.data(), c, sums.data() + n * c);
        std::copy_n(product.data(), c, products.data() + n * c);
      }
    });
    for (std::int64_t n = 0; n < shape_.n; ++n) {
      for (std::int64_t i = 0; i < c; ++i) {
        sum_[index(i)] += double{keep[n]} * sums[index(n * c + i)];
        product_[index(i)] += double{keep[n]} * products[index(n * c + i)];
      }
    }
  }

  void write_gradients(const ChannelMixerGradients& gradients) const {
    for (std::int64_t i = 0; i < shape_.channels; ++i) {
      const double along = product_[index(i)] / deviation(i);
      const double sum = sum_[index(i)];
      gradients.layer_scale[i] =
          static_cast<float>(weights_.norm_weight[i] * along + weights_.norm_bias[i] * sum);
      gradients.norm_weight[i] = static_cast<float>(weights_.layer_scale[i] * along);
      gradients.norm_bias[i] = static_cast<float>(weights_.layer_scale[i] * sum);
    }
  }

  /// dy [P][C] of one sample.
  void to_y(float* dy, const float* dout, std::int64_t sample, float keep) {
    const std::int64_t c = shape_.channels;
    const auto rows = static_cast<double>(shape_.n * shape_.positions);
    for (std::int64_t i = 0; i < c; ++i) {
      const double inverse = 1.0 / deviation(i);
      const double slope = double{weights_.layer_scale[i]} * weights_.norm_weight[i] * inverse;
      const double of_y = -slope * inverse * inverse * product_[index(i)] / rows;
      of_g_[index(i)] = static_cast<float>(slope * keep);
      of_y_[index(i)] = static_cast<float>(of_y);
      constant_[index(i)] =
          static_cast<float>(-slope * sum_[index(i)] / rows - of_y * saved_.mean[i]);
    }
    const std::int64_t begin = sample * shape_.positions * c;
    loops_.norm_gradient(dy,
                         dout + begin,
                         saved_.y + begin,
                         of_g_.data(),
                         of_y_.data(),
                         constant_.data(),
                         {shape_.positions, c});
  }

 private:
  double deviation(std::int64_t channel) const {
    return std::sqrt(double{saved_.variance[channel]} + weights_.norm_eps);
  }

  const ChannelMixerSaved& saved_;
  const ChannelMixerWeights& weights_;
  const ChannelMixerShape& shape_;
  const MixerLoops& loops_;
  std::vector<double> sum_ = std::vector<double>(index(shape_.channels));
  std::vector<double> product_ = std::vector<double>(index(shape_.channels));
  std::vector<float> of_g_ = std::vector<float>(index(shape_.channels));
  std::vector<float> of_y_ = std::vector<float>(index(shape_.channels));
  std::vector<float> constant_ = std::vector<float>(index(shape_.channels));
};

/// Gradients of the weights that one slice adds to.
struct SliceGradients {
  float *widen, *narrow, *widen_bias, *grn_gamma, *grn_beta;
};

/// The tiles of one slice, one after the other.
struct Slice {
  const ChannelMixerSaved& saved;
  const ChannelMixerWeights& weights;
  const ChannelMixerShape& shape;
  const MixerLoops& loops;
  const PackedMatrix& widen;
  const PackedMatrix& narrow;
  const SliceGradients& slice;
  NormBackward norm;  // its own copy: to_y keeps factors in it
  ColumnSums responses{shape.widened};
  ColumnSums wide{shape.widened};
  ColumnSums gate_sums{shape.channels};
  std::vector<float> scale = std::vector<float>(index(shape.widened));
  std::vector<float> of_norm = std::vector<float>(index(shape.widened));

  static void add(float* sum, const ColumnSums& more, std::int64_t columns) {
    for (std::int64_t i = 0; i < columns; ++i) sum[i] += more[i];
  }

  /// Sums for GRN's gradients; sets scale and of_norm for the way on: da = dq * scale + a *
  /// of_norm.
  void through_grn(const float* a, const float* dq, const float* norms) {
    const std::int64_t k = shape.widened;
    const float divisor = grn_divisor(norms, k);
    grn_scale(scale.data(), weights.grn_gamma, norms, divisor, k);
    responses.clear();
    wide.clear();
    for_row_blocks(shape.positions, [&](std::int64_t row, std::int64_t rows) {
      loops.response_sums(responses.block(), wide.block(), dq + row * k, a + row * k, {rows, k});
      responses.add_block();
      wide.add_block();
    });
    add(slice.grn_beta, wide, k);
    double of_mean = 0.0;  // what every norm gets by way of the divisor
    for (std::int64_t i = 0; i < k; ++i) {
      const double response = norms[i] / divisor;
      slice.grn_gamma[i] += static_cast<float>(responses[i] * response);
      of_mean += double{weights.grn_gamma[i]} * responses[i] * response;
    }
    of_mean /= static_cast<double>(k);
    for (std::int64_t i = 0; i < k; ++i) {
      const double of_this = double{weights.grn_gamma[i]} * responses[i] - of_mean;
      // A norm of zero has no slope; its place in the mean is counted for the others all the same.
      of_norm[index(i)] = norms[i] > 0.0F ? static_cast<float>(of_this / divisor / norms[i]) : 0.0F;
    }
  }

  /// dq becomes the gradient for h, a GRN's output, as narrow's gradient needs it.
  void through_gelu(float* dq, float* a, const float* slope) {
    const std::int64_t k = shape.widened;
    wide.clear();
    for_row_blocks(shape.positions, [&](std::int64_t row, std::int64_t rows) {
      loops.gelu_gradient(dq + row * k,
                          a + row * k,
                          wide.block(),
                          slope + row * k,
                          scale.data(),
                          weights.grn_beta,
                          of_norm.data(),
                          {rows, k});
      wide.add_block();
    });
    add(slice.widen_bias, wide, k);
  }

  /// du and dgate of one sample from dt.
  void through_gate(const ChannelMixerGradients& gradients,
                    const float* dt,
                    const float* u,
                    const float* gate,
                    std::int64_t sample) {
    const std::int64_t c = shape.channels;
    const std::int64_t begin = sample * shape.positions * c;
    gate_sums.clear();
    for_row_blocks(shape.positions, [&](std::int64_t row, std::int64_t rows) {
      const std::int64_t at = begin + row * c;
      loops.scale_gradient(
          gradients.u + at, gate_sums.block(), dt + row * c, u + at, gate + sample * c, {rows, c});
      gate_sums.add_block();
    });
    std::copy_n(gate_sums.data(), c, gradients.gate + sample * c);
  }

  struct Buffers {
    Buffers(std::int64_t rows, const ChannelMixerShape& shape)
        : dy(make_scratch(rows * shape.channels)),
          t(make_scratch(rows * shape.channels)),
          a(make_scratch(rows * shape.widened)),
          slope(make_scratch(rows * shape.widened)),
          dq(make_scratch(rows * shape.widened)) {}

    Scratch dy, t, a, slope, dq;  // t is the gated input, then its gradient
  };

  void run(const SampleTile& tile,
           const Buffers& buffers,
           const ChannelMixerGradients& gradients,
           const float* dout,
           const float* u,
           const float* gate,
           const float* keep) {
    const std::int64_t p = shape.positions;
    const std::int64_t c = shape.channels;
    const std::int64_t k = shape.widened;
    const std::int64_t rows = tile.count * p;
    float* dy = buffers.dy.get();
    float* t = buffers.t.get();
    float* a = buffers.a.get();
    float* slope = buffers.slope.get();
    float* dq = buffers.dq.get();
    const float* h = saved.h + tile.first * p * k;
    for (std::int64_t s = 0; s < tile.count; ++s) {
      const std::int64_t sample = tile.first + s;
      norm.to_y(dy + s * p * c, dout, sample, keep[sample]);
      loops.scale(t + s * p * c, u + sample * p * c, gate + sample * c, {p, c});
    }
    loops.gelu_and_slope(a, slope, h, {rows, k});
    narrow.multiply(dq, {dy, rows, c});
    for (std::int64_t s = 0; s < tile.count; ++s) {
      const std::int64_t at = s * p * k;
      through_grn(a + at, dq + at, saved.norms + (tile.first + s) * k);
      through_gelu(dq + at, a + at, slope + at);
    }
    add_transposed_product(slice.narrow, {dy, rows, c}, {a, rows, k}, {shape.factors});
    add_transposed_product(slice.widen, {dq, rows, k}, {t, rows, c}, {shape.factors});
    widen.multiply(t, {dq, rows, k});
    for (std::int64_t s = 0; s < tile.count; ++s) {
      through_gate(gradients, t + s * p * c, u, gate, tile.first + s);
    }
  }
};

}  // namespace

void channel_mixer_backward_cpu(const ChannelMixerGradients& gradients,
                                const ChannelMixerSaved& saved,
                                const float* dout,
                                const float* u,
                                const float* gate,
                                const float* keep,
                                const ChannelMixerWeights& weights,
                                const ChannelMixerShape& shape) {
  const MixerLoops& loops = fastest_mixer_loops();
  NormBackward norm(saved, weights, shape, loops);
  norm.sum(dout, keep);
  norm.write_gradients(gradients);
  const std::vector<SampleTile> tiles = sample_tiles(shape.n, shape.positions);
  const std::int64_t product = shape.channels * shape.widened;
  const SlicedSums<5> sums({gradients.widen,
                            gradients.narrow,
                            gradients.widen_bias,
                            gradients.grn_gamma,
                            gradients.grn_beta},
                           {product, product, shape.widened, shape.widened, shape.widened},
                           tiles.size());
  const ProductKind kind{shape.factors};
  const PackedMatrix widen({weights.widen, shape.widened, shape.channels}, Transposed::kNo, kind);
  const PackedMatrix narrow({weights.narrow, shape.channels, shape.widened}, Transposed::kNo, kind);
  sums.add_over_slices([&](const auto& own, std::size_t first, std::size_t last) {
    const SliceGradients to{own[0], own[1], own[2], own[3], own[4]};
    const Slice::Buffers buffers(tiles.front().count * shape.positions, shape);
    Slice slice{saved, weights, shape, loops, widen, narrow, to, norm};
    for (std::size_t tile = first; tile < last; ++tile) {
      slice.run(tiles[tile], buffers, gradients, dout, u, gate, keep);
    }
  });
}

}  // namespace larkspur::model3d
