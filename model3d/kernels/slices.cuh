// SPDX-License-Identifier: Apache-2.0
// The kernel behind every pass of slices.h. A pass is a struct that says what to do:
//
//   Work::kUnroll           rows of a thread at a time: registers allow one where a row is much
//   Work::kSums             floats that each thread adds up down its column
//   Work::kCombines         whether begin() adds up sums of an earlier pass
//   Work::Column            what a thread keeps of its column
//   begin(column, block, plan, room)    by all threads of a block, also those of no column
//   element(column, index, sums)        one element of the map
//   finish(column, block, plan, sums)   once a column and slice, with the sums of all its rows
#pragma once

#include "model3d/kernels/slices.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {

/// Where begin() meets; a work that does not combine has next to none.
template <bool kCombines>
using SharedRoom = pipeline::SharedArray<double, kCombines ? 3 * kSliceThreads : 1>;
using SliceRoom = SharedRoom<true>;

/// A block's place. `slice` counts over all samples.
struct SliceBlock {
  int sample, slice;
  std::int64_t first, last;  ///< rows, counted over all samples
  int column;
  int group, lane;
  bool is_there;

  __device__ bool is_first() const { return slice == 0 && group == 0 && is_there; }
};

/// Of a slice, counted over all samples.
__device__ inline int rows_of_slice(const SlicePlan& p, int slice) {
  const int rest = static_cast<int>(p.rows) - slice % p.slices * p.slice_rows;
  return rest < p.slice_rows ? rest : p.slice_rows;
}

__device__ inline SliceBlock slice_block_of(const SlicePlan& p, int index) {
  const int tiles = (static_cast<int>(p.columns) + kSliceColumns - 1) / kSliceColumns;
  SliceBlock block{};
  block.lane = static_cast<int>(threadIdx.x) % kSliceColumns;
  block.group = static_cast<int>(threadIdx.x) / kSliceColumns;
  block.column = index % tiles * kSliceColumns + block.lane;
  block.is_there = block.column < p.columns;
  block.slice = index / tiles;
  block.sample = block.slice / p.slices;
  block.first = block.sample * p.rows + block.slice % p.slices * p.slice_rows;
  block.last = block.first + rows_of_slice(p, block.slice);
  return block;
}

/// Slices of all samples.
__device__ inline int all_slices(const SlicePlan& p) {
  return static_cast<int>(p.samples) * p.slices;
}

/// What a group adds up of slices [begin, end): its run of them.
struct SliceRun {
  int first, last;
};
__device__ inline SliceRun run_of_group(int begin, int end, int group) {
  const int each = (end - begin + kSliceGroups - 1) / kSliceGroups;
  const int first = begin + group * each;
  return {first, first + each < end ? first + each : end};
}

/// sum[i] += over all slices of parts[(slice * of + which[i]) * columns + column], two of them; the
/// same in all threads of a column. The groups take runs of slices, then the groups in order.
struct SlicePair {
  double v[2];
};
__device__ inline SlicePair add_slices(const float* parts,
                                       int of,
                                       int first,
                                       int second,
                                       const SliceBlock& b,
                                       const SlicePlan& p,
                                       SliceRoom& room) {
  SlicePair own{};
  if (b.is_there) {
    const SliceRun run = run_of_group(0, all_slices(p), b.group);
    const float* at = parts + run.first * of * p.columns + b.column;
#pragma unroll 1
    for (int slice = run.first; slice < run.last; ++slice) {
      own.v[0] += static_cast<double>(at[first * p.columns]);
      own.v[1] += static_cast<double>(at[second * p.columns]);
      at += of * p.columns;
    }
  }
  const int me = static_cast<int>(threadIdx.x);
  __syncthreads();
  room.put(me, own.v[0]);
  room.put(me + kSliceThreads, own.v[1]);
  __syncthreads();
  SlicePair sum{};
#pragma unroll 1
  for (int group = 0; group < kSliceGroups; ++group) {
    sum.v[0] += room.get(group * kSliceColumns + b.lane);
    sum.v[1] += room.get(group * kSliceColumns + b.lane + kSliceThreads);
  }
  return sum;
}

/// Of some values of a column.
struct SliceMoments {
  double count, mean, squares;  ///< squares around the mean

  /// Those of both (Chan, Golub and LeVeque 1979).
  __device__ void add(const SliceMoments& more) {
    const double all = count + more.count;
    if (more.count == 0.0) return;
    const double gap = more.mean - mean;
    squares += more.squares + gap * gap * count * more.count / all;
    mean += gap * more.count / all;
    count = all;
  }
  __device__ double variance() const { return squares / count; }
};

/// Over slices [begin, end) from parts [slice][2][columns]: mean, squares; the same in all threads
/// of a column.
__device__ inline SliceMoments add_moments(const float* parts,
                                           int begin,
                                           int end,
                                           const SliceBlock& b,
                                           const SlicePlan& p,
                                           SliceRoom& room) {
  SliceMoments own{};
  if (b.is_there) {
    const SliceRun run = run_of_group(begin, end, b.group);
    const float* at = parts + run.first * 2 * p.columns + b.column;
#pragma unroll 1
    for (int slice = run.first; slice < run.last; ++slice) {
      own.add({static_cast<double>(rows_of_slice(p, slice)),
               static_cast<double>(at[0]),
               static_cast<double>(at[p.columns])});
      at += 2 * p.columns;
    }
  }
  const int me = static_cast<int>(threadIdx.x);
  __syncthreads();
  room.put(me, own.count);
  room.put(me + kSliceThreads, own.mean);
  room.put(me + 2 * kSliceThreads, own.squares);
  __syncthreads();
  SliceMoments sum{};
#pragma unroll 1
  for (int group = 0; group < kSliceGroups; ++group) {
    const int at = group * kSliceColumns + b.lane;
    sum.add({room.get(at), room.get(at + kSliceThreads), room.get(at + 2 * kSliceThreads)});
  }
  return sum;
}

/// A value of a slice, less a shift, to the two sums that put_moments() takes.
__device__ inline void add_centred(float* sums, float centred) {
  sums[0] += centred;
  sums[1] += centred * centred;
}

/// Mean and squares of a slice from the sums of value - shift and of its square, to parts
/// [slice][2][columns].
__device__ inline void put_moments(
    float* parts, float shift, const float* sums, const SliceBlock& b, const SlicePlan& p) {
  const double count = static_cast<double>(b.last - b.first);
  const double sum = sums[0];
  parts[b.slice * 2 * p.columns + b.column] = static_cast<float>(shift + sum / count);
  const double squares = sums[1] - sum * sum / count;
  parts[(b.slice * 2 + 1) * p.columns + b.column] =
      static_cast<float>(squares > 0.0 ? squares : 0.0);
}

/// kCount sums to parts [slice][kCount][columns].
template <int kCount>
__device__ void put_sums(float* parts, const float* sums, const SliceBlock& b, const SlicePlan& p) {
  for (int i = 0; i < kCount; ++i) {
    parts[(b.slice * kCount + i) * p.columns + b.column] = sums[i];
  }
}

/// Where the groups of a work's block meet.
template <typename Work>
using SharedSums =
    pipeline::SharedArray<float, (Work::kSums > 0 ? Work::kSums : 1) * kSliceThreads>;

/// The work of block `index`.
template <typename Work, typename Room>
__device__ void run_slice(
    const Work& work, const SlicePlan& plan, int index, SharedSums<Work>& sums_room, Room& room) {
  constexpr int kSums = Work::kSums;
  const SliceBlock block = slice_block_of(plan, index);
  typename Work::Column column{};
  work.begin(column, block, plan, room);
  float sums[kSums > 0 ? kSums : 1] = {};
  if (block.is_there) {
#pragma unroll Work::kUnroll
    for (std::int64_t row = block.first + block.group; row < block.last; row += kSliceGroups) {
      work.element(column, row * plan.columns + block.column, sums);
    }
  }
  if constexpr (kSums > 0) {
    const int me = static_cast<int>(threadIdx.x);
    for (int i = 0; i < kSums; ++i) sums_room.put(me + i * kSliceThreads, sums[i]);
    __syncthreads();
    if (block.group > 0 || !block.is_there) return;
    for (int i = 0; i < kSums; ++i) {
      for (int group = 1; group < kSliceGroups; ++group) {
        sums[i] += sums_room.get(me + group * kSliceColumns + i * kSliceThreads);
      }
    }
    work.finish(column, block, plan, sums);
  }
}

template <typename Work>
__global__ void __launch_bounds__(kSliceThreads, 4) slice_kernel(Work work, SlicePlan plan) {
  __shared__ SharedSums<Work> sums_room;
  __shared__ SharedRoom<Work::kCombines> room;
  run_slice(work, plan, static_cast<int>(blockIdx.x), sums_room, room);
}

/// Queues a pass, `layers` of it where the work asks blockIdx.y which one it is. Throws
/// Error{kDevice} with `name` when it cannot start.
template <typename Work>
void launch_slices(const char* name,
                   const Work& work,
                   const SlicePlan& plan,
                   CUstream_st* stream,
                   int layers = 1) {
  pipeline::launch_kernel(name,
                          slice_kernel<Work>,
                          dim3(static_cast<unsigned>(plan.blocks()), static_cast<unsigned>(layers)),
                          kSliceThreads,
                          stream,
                          work,
                          plan);
}

}  // namespace larkspur::model3d
