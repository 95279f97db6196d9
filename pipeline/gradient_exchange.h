// SPDX-License-Identifier: Apache-2.0
// How one rank's lane gradients become the global gradient of the chunks it owns.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// One thread at a time; every rank makes the same calls in the same order. Bound at construction
/// to one FlatParameters and one range of lanes.
class GradientExchange {
 public:
  virtual ~GradientExchange() = default;

  /// The flat gradient of `bucket` now holds what absolute lane `lane` contributes; it is copied or
  /// added before the call returns, but that of the last of my lanes stays as it is until something
  /// that all ranks do together after reduce() has ended: other ranks may still read it. Lanes
  /// ascend within a step, buckets ascend within a lane.
  virtual void lane_done(int lane, int bucket) = 0;

  /// Whether lane_done of these waits for other ranks before it returns.
  virtual bool lane_done_waits(int /*lane*/, int /*bucket*/) const { return false; }

  /// After lane_done of all my lanes and buckets. Returns the sum over all lanes of the whole job,
  /// added in the fixed tree, of the chunks this rank owns: float32 [owned elements], bucket by
  /// bucket. Valid until the next lane_done. Throws kCollective when a peer is lost or late.
  virtual at::Tensor reduce() = 0;

  /// The mean of rows that ranks hold (BatchNorm's statistics, a row a lane), added in float64 in
  /// order of rank and row: float32 [elements] where the parameters lie, the same bits on every
  /// rank; valid until the next call. `mine`: float32 [rows[my rank], elements], there too. `rows`:
  /// how many each rank holds, the same list on every rank, not all 0. Throws as reduce().
  virtual at::Tensor mean_of_rows(const at::Tensor& mine, const std::vector<int>& rows) = 0;

  /// Starts to make the flat values of every rank's owned chunks known to all ranks. Until wait()
  /// has returned for a bucket, its values must be neither read nor written.
  virtual void gather() = 0;

  /// Returns once work on the values of `bucket` finds them arrived from all ranks (on a GPU: what
  /// is queued from then on); at once the second time.
  /// Every bucket that gather() started is waited for before the next lane_done. Throws as
  /// reduce().
  virtual void wait(int bucket) = 0;

 protected:
  GradientExchange() = default;
  GradientExchange(const GradientExchange&) = default;
  GradientExchange& operator=(const GradientExchange&) = default;
};

}  // namespace larkspur::pipeline
