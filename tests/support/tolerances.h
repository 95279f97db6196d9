// SPDX-License-Identifier: Apache-2.0
// How far results may be from their references, in one place. Golden records carry their own.
#pragma once

namespace larkspur::testing {

/// Norms of golden tensors, relative (seen by the makers of the figures: 1.2e-7).
inline constexpr double kGoldenNormRelative = 1e-5;

/// Sums of a thousand golden logits (seen: 4e-5).
inline constexpr double kGoldenLogitSum = 3e-4;

/// A float64 program against golden values, which are printed with nine digits.
inline constexpr double kGoldenDigits = 1e-8;

/// The same of the logits of a whole network, which are up to 10.
inline constexpr double kGoldenNetworkDigits = 2e-8;

/// float32 convolution against a float64 reference, of the largest value.
inline constexpr double kConvolutionRelative = 1e-5;

/// Merged against trained form of one depthwise block in float32, of the largest value.
inline constexpr double kMergedBlockRelative = 5e-6;

/// Merged against trained form of a whole network in float32, of the largest logit.
inline constexpr double kMergedNetworkRelative = 1e-5;

/// The same with every statistic, norm and weight far from where training begins.
inline constexpr double kMergedFarRelative = 1e-4;

/// A model of clips on a clip that stands still, against the model of pictures it began as.
inline constexpr double kInflatedNetworkRelative = 1e-5;

/// Central differences with a step of 1e-6 in float64, relative.
inline constexpr double kFiniteDifference = 1e-6;

/// Central differences with a step of 1e-5 in float64 along one kind of parameter, relative.
inline constexpr double kDirectionalDerivative = 1e-6;

}  // namespace larkspur::testing
