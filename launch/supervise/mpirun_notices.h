// SPDX-License-Identifier: Apache-2.0
// What mpirun itself says on stderr, between lines of dashes, among the words of the ranks.
//
// With -q it would keep silent, also about a host that is gone, missing slots or a daemon that does
// not start. Without, it repeats after every rank's error that there was one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace larkspur::launch {

/// One job's words on their way to a person. One thread at a time.
class MpirunNotices {
 public:
  /// The words, in pieces as they come, without mpirun's notices on what the ranks or the
  /// supervisor say themselves. A line or a notice that is not whole yet stays here.
  std::string pass(std::string_view words);

  /// What stayed, at the end of the job.
  std::string rest();

  /// The host that mpirun lost the connection to; empty: none.
  const std::string& lost_host() const { return lost_host_; }

  /// The host of the rank that the ranks' watchdog found silent; empty: none.
  const std::string& silent_host() const { return silent_host_; }

 private:
  void take_line(const std::string& line, std::string& passed);
  std::string take_notice();
  bool is_known();

  std::string piece_;                ///< of a line without its end
  std::vector<std::string> notice_;  ///< lines of one that is open, the dashes first
  std::string lost_host_;
  std::string silent_host_;
};

}  // namespace larkspur::launch
