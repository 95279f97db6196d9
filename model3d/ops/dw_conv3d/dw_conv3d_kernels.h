// SPDX-License-Identifier: Apache-2.0
// Depthwise N-D convolution on plain memory: the contract the CPU and CUDA twins share.
//
// Stride 1, odd taps, zero padding rate * (taps / 2), no flip (cross-correlation):
//   y[n,c,p] = sum over taps j of k[c,j] * x[n,c, p + rate * (j - taps/2)], p and j in three axes;
// what lies outside the map is left out. 2-D is d = kd = 1. No LibTorch here: nvcc includes it.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace larkspur::model3d {

struct DwConv3dLanes;  // an instruction set's loops: dw_conv3d_lanes.h

/// How maps lie in memory. Kernels always lie as [c, kd, kh, kw].
enum class DwConv3dLayout : std::uint8_t {
  kChannelsFirst,  ///< [n, c, d, h, w]
  kChannelsLast,   ///< [n, d, h, w, c]
};

/// Sizes of one call. Maps in and out have the same sizes.
struct DwConv3dShape {
  std::int64_t n, c, d, h, w;  ///< n >= 0, the others >= 1
  std::int64_t kd, kh, kw;     ///< taps per axis: odd, any size, also beyond the map
  std::int64_t rd, rh, rw;     ///< positions between neighbouring taps (dilation), >= 1
  DwConv3dLayout layout;       ///< of every map of the call
};

// All three: outputs first, then inputs; outputs are overwritten and overlap no input. Memory is
// contiguous in the order above, of any alignment. Sums are float, and each is taken in one order
// (samples, then taps or positions, ascending), so the bits depend neither on the number of
// threads nor on alignment, nor does a map's result on its neighbours in the batch. The work is
// shared by parallel_for. Callable from many threads. `lanes` null picks the fastest set this
// processor has; sets with fused multiply-add agree bit for bit, the others in rounding only.

/// y = x correlated with k, channel by channel.
void dw_conv3d_forward_cpu(float* y,
                           const float* x,
                           const float* k,
                           const DwConv3dShape& shape,
                           const DwConv3dLanes* lanes = nullptr);

/// dx = dy correlated with k reversed in each axis: the gradient for x.
void dw_conv3d_input_gradient_cpu(float* dx,
                                  const float* dy,
                                  const float* k,
                                  const DwConv3dShape& shape,
                                  const DwConv3dLanes* lanes = nullptr);

/// dk[c,j] = sum over samples and positions of dy[n,c,p] * x[n,c, p + rate * (j - taps/2)]: the
/// gradient for k. Taps that reach no position of the map get an exact zero.
void dw_conv3d_weight_gradient_cpu(float* dk,
                                   const float* x,
                                   const float* dy,
                                   const DwConv3dShape& shape,
                                   const DwConv3dLanes* lanes = nullptr);

// The same three in float64: plain loops in the calling thread, maps kChannelsFirst.

void dw_conv3d_forward_cpu(double* y, const double* x, const double* k, const DwConv3dShape& shape);

void dw_conv3d_input_gradient_cpu(double* dx,
                                  const double* dy,
                                  const double* k,
                                  const DwConv3dShape& shape);

void dw_conv3d_weight_gradient_cpu(double* dk,
                                   const double* x,
                                   const double* dy,
                                   const DwConv3dShape& shape);

// The same three on a GPU, T one of float, Bfloat16, Float16 (model3d/kernels/half_types.h), memory
// on the GPU, any layout. Sums are float. Bits depend on the shape alone: not on the GPU, nor, but
// for the weight gradient, on the batch or the layout. Values that are not finite may spread to
// outputs and taps that they should not reach, up to 32 positions further along w and 16 rows. Each
// returns before the work is done. Throws Error{kDevice} if it cannot start, kUnsupported for rows
// that do not fit in shared memory.

template <typename T>
void dw_conv3d_forward_cuda(
    T* y, const T* x, const T* k, const DwConv3dShape& shape, CUstream_st* stream);

template <typename T>
void dw_conv3d_input_gradient_cuda(
    T* dx, const T* dy, const T* k, const DwConv3dShape& shape, CUstream_st* stream);

/// Floats of room that the weight gradient needs on the GPU for sums of parts of the batch.
std::int64_t dw_conv3d_partial_elements(const DwConv3dShape& shape);

template <typename T>
void dw_conv3d_weight_gradient_cuda(T* dk,
                                    float* partial,
                                    const T* x,
                                    const T* dy,
                                    const DwConv3dShape& shape,
                                    CUstream_st* stream);

constexpr int kDwConvMostTogether = 8;

/// Several kernels on maps of one shape as one call: the branches of a layer. Kernels are float32
/// whatever the maps are. Maps of results, and of gradients that come in, lie one branch after the
/// other.
struct DwConv3dTogether {
  int count;                                  ///< 1 to kDwConvMostTogether
  DwConv3dShape shapes[kDwConvMostTogether];  ///< taps and rates differ, nothing else
  const float* k[kDwConvMostTogether];
};

// T as above. In 16 bits the branches that tensor cores are of use to, whose taps are rounded to T,
// are a launch and the others another; in float32 all are one.

/// y[b] = x correlated with k[b].
template <typename T>
void dw_conv3d_forward_together_cuda(T* y,
                                     const T* x,
                                     const DwConv3dTogether& together,
                                     CUstream_st* stream);

/// dx[b] from dy[b]; they are not added up.
template <typename T>
void dw_conv3d_input_gradient_together_cuda(T* dx,
                                            const T* dy,
                                            const DwConv3dTogether& together,
                                            CUstream_st* stream);

/// dk[b] from x and dy[b], in two launches. `partial`: room for the sum of all branches'
/// dw_conv3d_partial_elements.
template <typename T>
void dw_conv3d_weight_gradient_together_cuda(float* const* dk,
                                             float* partial,
                                             const T* x,
                                             const T* dy,
                                             const DwConv3dTogether& together,
                                             CUstream_st* stream);

}  // namespace larkspur::model3d
