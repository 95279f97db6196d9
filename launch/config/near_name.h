// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?": the known name that is closest to what was typed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::launch {

/// Fewest insertions, deletions, substitutions and swaps of neighbours that turn one name into the
/// other, no letter touched twice (optimal string alignment; Damerau 1964).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`, or nothing when even that would replace more than half of it.
/// Names with dots are compared whole and by their last component; the smaller distance counts, the
/// whole one breaks ties, then the order of the candidates. So a right key in the wrong section is
/// found as well as a misspelt one.
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates);

/// "; did you mean 'X'?" for the nearest candidate, or nothing.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// did_you_mean() among the neighbours on disk of a path that is not there. When its folder is not
/// there either, the same question is asked of the first missing folder on the way.
std::string did_you_mean_path(const std::filesystem::path& missing);

}  // namespace larkspur::launch
