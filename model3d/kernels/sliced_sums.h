// SPDX-License-Identifier: Apache-2.0
// Sums over a batch, gradients of weights, that several threads add to: each slice of the batch has
// its own, and they are added in order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "model3d/kernels/parallel_for.h"
#include "model3d/kernels/products.h"
#include "model3d/kernels/scratch.h"

namespace larkspur::model3d {

template <std::size_t Parts>
class SlicedSums {
 public:
  using Sums = std::array<float*, Parts>;
  using Sizes = std::array<std::int64_t, Parts>;

  /// `result`: sums of `floats` values each, overwritten; the first slice adds to them itself.
  /// `items` of the batch, in at most 8 slices: a number that follows from the shape.
  SlicedSums(const Sums& result, const Sizes& floats, std::size_t items)
      : floats_(floats), items_(items) {
    constexpr std::size_t kMostSlices = 8;
    slices_.push_back(result);
    for (std::size_t i = 1; i < std::min(kMostSlices, items); ++i) {
      Sums& sums = slices_.emplace_back();
      for (std::size_t part = 0; part < Parts; ++part) {
        sums[part] = memory_.emplace_back(make_scratch(floats[part])).get();
      }
    }
  }

  /// run(sums, first item, behind the last) for every slice, in parallel; then all are added up.
  template <typename Run>
  void add_over_slices(const Run& run) const {
    parallel_for(
        static_cast<std::int64_t>(slices_.size()), [&](std::int64_t begin, std::int64_t end) {
          for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
            // Zeroed by the thread that writes them.
            for (std::size_t part = 0; part < Parts; ++part) {
              std::fill_n(slices_[i][part], floats_[part], 0.0F);
            }
            run(slices_[i], items_ * i / slices_.size(), items_ * (i + 1) / slices_.size());
          }
        });
    for (std::size_t i = 1; i < slices_.size(); ++i) {
      for (std::size_t part = 0; part < Parts; ++part) {
        add(slices_[0][part], slices_[i][part], floats_[part]);
      }
    }
  }

 private:
  Sizes floats_;
  std::size_t items_;
  std::vector<Scratch> memory_;
  std::vector<Sums> slices_;
};

}  // namespace larkspur::model3d
