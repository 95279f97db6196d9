// SPDX-License-Identifier: Apache-2.0
// A network as a command line tells it: its sizes by hand, or its weights by a file or checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launch/verbs/command_line.h"
#include "model3d/network.h"

namespace larkspur::launch {

/// Options named as the keys of the network are, with their meanings, bounds and refusals. Lists
/// are text as it was typed, "5x13x13", "5,13,13" or "[5,13,13]".
struct ModelRequest {
  std::string model;  ///< "image/a"; empty: a checkpoint says it
  std::int64_t classes = 0;
  std::map<std::string, std::string, std::less<>> texts;  ///< by key: empty where not given
  std::map<std::string, bool, std::less<>> flags;

  /// Declares --kernel and everything else that is not the form's own.
  void declare_shapes(CommandLine& line);

  /// Whether one of these was given.
  bool tells_shapes() const;

  /// Throws kInvalidArgument naming the option, or what of the model, is at fault.
  model3d::ModelOptions options() const;
};

/// The whole numbers of "16x224x224" and the like. Throws kInvalidArgument naming the option where
/// there are none, or something else is among them.
std::vector<std::int64_t> numbers_of(const std::string& option, const std::string& text);

/// The same as sizes of a sample: each in [1, 16384], 2^30 places at most.
std::vector<std::int64_t> checked_sizes(const std::string& option, const std::string& text);

/// The sizes of one sample of such a network, [C,H,W] and the like, from the numbers people give:
/// its places, after the number of views if there are some; of form points, how many points.
std::vector<std::int64_t> sample_sizes(const model3d::ModelOptions& options,
                                       const std::vector<std::int64_t>& numbers);

/// That `weights` is there, and the request good for it: a wrong call is said before files are
/// read. Throws kNotFound, kInvalidArgument.
void check_request(const ModelRequest& request, const std::string& weights);

/// The network that the request names, filled from `weights`, a file or a checkpoint; a checkpoint
/// tells its own sizes, and must agree with form, variant and classes if they are told. Throws
/// kNotFound, kInvalidArgument, and what reading throws.
std::unique_ptr<model3d::Network> network_from(const ModelRequest& request,
                                               const std::string& weights);

}  // namespace larkspur::launch
