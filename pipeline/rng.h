// SPDX-License-Identifier: Apache-2.0
// Randomness without state: every draw is a pure function of what it is for.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11,
// section 4.3). The key is the seed; the counter names the use, so nothing has to be saved, and the
// same draw comes out on any rank, in any thread, before and after a restart.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace larkspur::pipeline {

/// What a draw is for. Values are part of the reproducibility contract: append, never renumber.
enum class Purpose : std::uint8_t {
  kOrder = 0,      ///< order of an epoch
  kSurface = 1,    ///< points drawn on a mesh
  kPoints = 2,     ///< which points of a cloud are kept
  kAugment = 3,    ///< scale, shift, rotation
  kDropPath = 4,   ///< which residual branches a sample skips
  kWeights = 5,    ///< initial weights
  kSynthetic = 6,  ///< made-up data: demo sets, tests
  kClip = 7,       ///< window, crop and mirror of a clip
  kShuffle = 8,    ///< order of a clip's pictures, in the control experiment
  kMix = 9,        ///< mixup and cutmix
  kHoldout = 10,   ///< which samples of a training list are kept out of it
  kPicture = 11,   ///< how the pictures of a clip are distorted
  kMixPoints = 12  ///< which points of two clouds are mixed
};

/// Names one use of one sample. A value; every field takes part in the draw.
struct SampleKey {
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;   ///< 0 for evaluation
  std::uint32_t sample = 0;  ///< position in the list, not in the epoch
  std::uint16_t view = 0;    ///< which of several views of the sample

  bool operator==(const SampleKey&) const = default;
};

/// One Philox4x32-10 block: four words from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept;

/// 32-bit FNV-1a of a name, for keying draws by parameter name.
std::uint32_t name_key(std::string_view name) noexcept;

/// A stream of draws for one (key, purpose, salt). Cheap to make; copies continue independently.
/// One thread at a time per instance. `salt` separates uses inside one purpose (block number, ...).
class CounterRng {
 public:
  CounterRng(const SampleKey& key, Purpose purpose, std::uint8_t salt = 0) noexcept;

  std::uint32_t bits() noexcept;                      ///< 32 uniform bits
  double uniform() noexcept;                          ///< [0, 1), multiples of 2^-32
  double uniform(double low, double high) noexcept;   ///< [low, high)
  std::uint32_t below(std::uint32_t bound) noexcept;  ///< [0, bound), unbiased; bound > 0
  double normal() noexcept;                           ///< mean 0, deviation 1 (Box-Muller)

 private:
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace larkspur::pipeline
