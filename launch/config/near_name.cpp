// SPDX-License-Identifier: Apache-2.0
#include "launch/config/near_name.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;

std::string_view last_component(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

/// File names have dots of their own, so only whole names are compared.
std::optional<std::string> nearest_neighbour(const std::string& name, const fs::path& folder) {
  std::error_code unreadable;
  std::vector<std::string> neighbours;
  fs::directory_iterator entry(folder.empty() ? "." : folder, unreadable);
  for (; !unreadable && entry != fs::directory_iterator(); entry.increment(unreadable)) {
    neighbours.push_back(entry->path().filename().string());
  }
  std::sort(neighbours.begin(), neighbours.end());
  std::optional<std::string> nearest;
  std::size_t smallest = name.size() / 2 + 1;
  for (const std::string& neighbour : neighbours) {
    const std::size_t distance = edit_distance(name, neighbour);
    if (distance >= smallest) continue;
    nearest = neighbour;
    smallest = distance;
  }
  return nearest;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates) {
  const std::string_view name_end = last_component(name);
  std::optional<std::string> nearest;
  std::pair<std::size_t, std::size_t> smallest;
  for (const std::string& candidate : candidates) {
    const std::size_t whole = edit_distance(name, candidate);
    const std::size_t end = edit_distance(name_end, last_component(candidate));
    const std::pair distance{std::min(whole, end), whole};
    const std::size_t judged = end <= whole ? name_end.size() : name.size();
    if (distance.first * 2 > std::max<std::size_t>(judged, 2)) continue;
    if (nearest && distance >= smallest) continue;
    nearest = candidate;
    smallest = distance;
  }
  return nearest;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const auto nearest = nearest_name(name, candidates);
  return nearest ? "; did you mean '" + *nearest + "'?" : "";
}

std::string did_you_mean_path(const fs::path& missing) {
  std::error_code unreadable;
  fs::path known;
  for (const fs::path& part : missing) {
    if (part.empty() || fs::exists(known / part, unreadable)) {
      known /= part;
      continue;
    }
    const auto nearest = nearest_neighbour(part.string(), known);
    return nearest ? "; did you mean '" + (known / *nearest).string() + "'?" : "";
  }
  return "";
}

}  // namespace larkspur::launch
