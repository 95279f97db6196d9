// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/moments.h"

#include <ATen/ops/batch_norm_update_stats.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

std::vector<double> divided(std::vector<double> values, double divisor) {
  for (double& value : values) value /= divisor;
  return values;
}

}  // namespace

void Moments::join(const Moments& other) {
  if (count == 0.0) {
    *this = other;
    return;
  }
  require(mean.size() == other.mean.size(),
          Errc::kInvalidArgument,
          "[moments] ",
          other.mean.size(),
          " channels to be joined to ",
          mean.size());
  const double all = count + other.count;
  for (std::size_t c = 0; c < mean.size(); ++c) {
    const double apart = other.mean[c] - mean[c];
    mean[c] += apart * (other.count / all);
    squares[c] += other.squares[c] + apart * apart * (count * other.count / all);
  }
  count = all;
}

std::vector<double> Moments::variance() const { return divided(squares, count); }

std::vector<double> Moments::unbiased() const { return divided(squares, count - 1.0); }

Moments moments_of(const at::Tensor& x) {
  const auto [mean, variance] = at::batch_norm_update_stats(x.detach(), {}, {}, 0.0);
  const at::Tensor both = at::stack({mean, variance}).to(at::kCPU, at::kDouble).contiguous();
  const auto channels = static_cast<std::size_t>(x.size(1));
  const double* values = both.const_data_ptr<double>();
  Moments moments;
  moments.count = static_cast<double>(x.numel() / x.size(1));
  moments.mean.assign(values, values + channels);
  moments.squares.assign(values + channels, values + 2 * channels);
  for (double& square : moments.squares) square *= moments.count;
  return moments;
}

void append(std::vector<double>& row, const Moments& moments) {
  row.push_back(moments.count);
  row.insert(row.end(), moments.mean.begin(), moments.mean.end());
  row.insert(row.end(), moments.squares.begin(), moments.squares.end());
}

Moments take(std::span<const double>& row, std::size_t channels) {
  require(row.size() >= 1 + 2 * channels,
          Errc::kCollective,
          "[moments] ",
          row.size(),
          " numbers for ",
          channels,
          " channels");
  const auto next = [&](std::size_t count) {
    const auto part = row.first(count);
    row = row.subspan(count);
    return std::vector<double>(part.begin(), part.end());
  };
  Moments moments;
  moments.count = next(1).front();
  moments.mean = next(channels);
  moments.squares = next(channels);
  return moments;
}

at::Tensor channel_values(const std::vector<double>& values, const at::Tensor& like) {
  const at::Tensor wide = at::from_blob(
      const_cast<double*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kDouble);
  const auto type = like.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return wide.to(
      at::TensorOptions(like.device()).dtype(type), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace larkspur::pipeline
