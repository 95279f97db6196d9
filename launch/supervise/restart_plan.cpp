// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/restart_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>

#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr int kInVain = 3;
constexpr double kLongestWait = 60.0;

int slots_of(const std::vector<HostSlots>& hosts) {
  return std::accumulate(hosts.begin(), hosts.end(), 0, [](int sum, const HostSlots& host) {
    return sum + host.slots;
  });
}

bool is_short_for(const std::string& name, const std::string& whole) {
  const bool is_address = whole.find_first_not_of("0123456789.") == std::string::npos;
  return name.find('.') == std::string::npos && !is_address && whole.starts_with(name + ".");
}

/// "node1" is "node1.cluster" as well; "node1.east" and "node1.west" are two.
bool is_same_host(const std::string& a, const std::string& b) {
  return a == b || is_short_for(a, b) || is_short_for(b, a);
}

/// N of the word "slots=N"; 0 of any other.
int slots_in(const std::string& word) {
  constexpr std::string_view key = "slots=";
  if (!word.starts_with(key)) return 0;
  const char* end = word.data() + word.size();
  int slots = 0;
  const auto [rest, error] = std::from_chars(word.data() + key.size(), end, slots);
  return error == std::errc() && rest == end ? std::max(0, slots) : 0;
}

}  // namespace

std::vector<HostSlots> hosts_in(const std::string& text, const std::string& file) {
  std::vector<HostSlots> hosts;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    HostSlots host;
    if (!(words >> host.name)) continue;
    host.slots = 0;
    host.line = host.name;
    for (std::string word; words >> word;) {
      if (const int slots = slots_in(word)) host.slots = slots;
      host.line += " " + word;
    }
    require(host.slots > 0,
            Errc::kInvalidArgument,
            file,
            ":",
            number,
            ": host ",
            host.name,
            " has no slots=N, so --min-ranks cannot count what is left without a host: "
            "write slots=N, the ranks it may have");
    hosts.push_back(std::move(host));
  }
  return hosts;
}

std::string hostfile_text(const std::vector<HostSlots>& hosts) {
  std::string text;
  for (const HostSlots& host : hosts) text += host.line + "\n";
  return text;
}

bool RestartPlan::leave_out(const std::string& host) {
  return std::erase_if(hosts_,
                       [&](const HostSlots& known) { return is_same_host(known.name, host); }) > 0;
}

NextStart RestartPlan::after_fault(std::int64_t highest_step, const std::string& lost_host) {
  NextStart next;
  in_vain_ = highest_step > highest_step_ ? 0 : in_vain_ + 1;
  highest_step_ = std::max(highest_step_, highest_step);
  const bool to_leave_out = options_.min_ranks > 0 && !lost_host.empty();
  const bool left_out = to_leave_out && leave_out(lost_host);
  if (left_out) ranks_ = std::min(ranks_, slots_of(hosts_));
  next.ranks = ranks_;
  next.on_fewer_hosts = left_out;
  next.is_unlisted = to_leave_out && !left_out;
  next.gives_up = true;
  if (restarts_ == options_.max_restarts) {
    next.why = text_of("after ", restarts_, " restarts");
  } else if (left_out && ranks_ < options_.min_ranks) {
    next.why = text_of("and without ",
                       lost_host,
                       " there are slots for ",
                       ranks_,
                       " ranks, fewer than --min-ranks ",
                       options_.min_ranks);
  } else if (options_.trains && in_vain_ >= kInVain) {
    next.why = text_of("without a step behind step ",
                       highest_step_,
                       " in ",
                       kInVain,
                       " starts in a row, after ",
                       restarts_,
                       " restarts");
  } else {
    next.gives_up = false;
    ++restarts_;
    if (in_vain_ > 0) next.wait_seconds = std::min(kLongestWait, std::ldexp(1.0, in_vain_ - 1));
  }
  return next;
}

}  // namespace larkspur::launch
