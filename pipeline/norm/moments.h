// SPDX-License-Identifier: Apache-2.0
// Count, mean and centred sum of squares of each channel: how batches are joined without losing
// digits.
//
//   M2 of both = M2(a) + M2(b) + (mean(b) - mean(a))^2 * n(a) n(b) / (n(a) + n(b))
//
// Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1b. Joined
// in float64; the order is the caller's, and fixes the bits.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// A plain value; without channels until something is joined to it.
struct Moments {
  double count = 0.0;           ///< values a channel
  std::vector<double> mean;     ///< [C]
  std::vector<double> squares;  ///< [C] sum of (value - mean)^2

  /// Takes the other's values in. The same number of channels, or none here so far.
  void join(const Moments& other);

  std::vector<double> variance() const;  ///< [C] squares / count; count > 0
  std::vector<double> unbiased() const;  ///< [C] squares / (count - 1); count > 1
};

/// Of x [N,C,...] with at least one value, on any device; float32 inside a batch, or what x has
/// that is wider.
Moments moments_of(const at::Tensor& x);

/// Appends count, means and squares to a row of numbers, and takes them back off its front.
void append(std::vector<double>& row, const Moments& moments);
Moments take(std::span<const double>& row, std::size_t channels);

/// A tensor [C] where `like` is, float32 or float64 as `like`'s sums are.
at::Tensor channel_values(const std::vector<double>& values, const at::Tensor& like);

}  // namespace larkspur::pipeline
