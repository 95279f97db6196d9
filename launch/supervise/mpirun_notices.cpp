// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/mpirun_notices.h"

#include <algorithm>
#include <array>
#include <utility>

namespace larkspur::launch {
namespace {

constexpr std::size_t kFewestDashes = 70;

// Its first line, of OpenMPI 4.1 and 5. The ranks have said why, and the supervisor says that the
// job has ended.
constexpr std::array<std::string_view, 3> kRepeated{
    "Primary job  terminated normally, but",
    "mpirun detected that one or more processes exited with non-zero status",
    "prterun detected that one or more processes exited with non-zero status",
};
constexpr std::array<std::string_view, 2> kLostHost{
    "ORTE has lost communication with a remote daemon",
    "PRTE has lost communication with a remote daemon",
};
constexpr std::string_view kLostDaemon = "Remote daemon:";
constexpr std::string_view kOnNode = " on node ";
constexpr std::string_view kForwarding = "mpirun: Forwarding signal ";

/// H of "larkspur: rank R on host H has been silent for ..."; empty of any other line.
std::string silent_host_in(const std::string& line) {
  constexpr std::string_view on_host = " on host ";
  const std::size_t begin = line.find(on_host);
  const std::size_t end = line.find(" has been silent for ");
  const bool is_verdict = line.find("rank ") < begin && begin < end && end != std::string::npos;
  if (!is_verdict) return {};
  return line.substr(begin + on_host.size(), end - begin - on_host.size());
}

bool is_ruler(const std::string& line) {
  return line.size() >= kFewestDashes && line.find_first_not_of('-') == std::string::npos;
}

}  // namespace

std::string MpirunNotices::pass(std::string_view words) {
  std::string passed;
  piece_ += words;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = piece_.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    take_line(piece_.substr(begin, end - begin), passed);
  }
  piece_.erase(0, begin);
  return passed;
}

std::string MpirunNotices::rest() {
  std::string passed = take_notice();
  return passed + std::exchange(piece_, {});
}

std::string MpirunNotices::take_notice() {
  std::string text;
  for (const std::string& line : std::exchange(notice_, {})) text += line + "\n";
  return text;
}

void MpirunNotices::take_line(const std::string& line, std::string& passed) {
  if (silent_host_.empty()) silent_host_ = silent_host_in(line);
  if (notice_.empty() && !is_ruler(line)) {
    if (!line.starts_with(kForwarding)) passed += line + "\n";
    return;
  }
  notice_.push_back(line);
  if (notice_.size() == 1 || !is_ruler(line)) return;
  if (is_known()) {
    notice_.clear();
  } else {
    passed += take_notice();
  }
}

bool MpirunNotices::is_known() {
  const auto starts_it = [&](std::string_view known) { return notice_[1].starts_with(known); };
  if (std::ranges::none_of(kLostHost, starts_it)) return std::ranges::any_of(kRepeated, starts_it);
  for (const std::string& line : notice_) {
    const std::size_t node = line.find(kOnNode);
    if (line.find(kLostDaemon) == std::string::npos || node == std::string::npos) continue;
    lost_host_ = line.substr(node + kOnNode.size());
    return true;
  }
  return false;
}

}  // namespace larkspur::launch
