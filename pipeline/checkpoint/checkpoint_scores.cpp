// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_scores.h"

#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path scores_file(const fs::path& checkpoints) { return checkpoints / "scores.json"; }

CheckpointScore score_from_json(const json& entry) {
  return {entry.at("step").get<std::int64_t>(),
          entry.at("percent").get<double>(),
          entry.at("by").get<std::string>(),
          entry.at("chooses").get<bool>()};
}

/// The name of the folder that the link leads to; empty where there is no link.
fs::path linked_name(const fs::path& checkpoints) {
  std::error_code error;
  const fs::path target = fs::read_symlink(best_link(checkpoints), error);
  return error ? fs::path() : target.filename();
}

fs::file_time_type written_at(const fs::path& folder) {
  std::error_code error;
  const auto time = fs::last_write_time(folder / "manifest.json", error);
  return error ? fs::file_time_type::min() : time;
}

/// How the last score that chooses was made; nothing where there is none.
std::optional<std::string> way_of_choosing(const std::vector<CheckpointScore>& scores) {
  for (auto score = scores.rbegin(); score != scores.rend(); ++score) {
    if (score->chooses) return score->by;
  }
  return std::nullopt;
}

}  // namespace

std::vector<CheckpointScore> read_scores(const fs::path& checkpoints) {
  std::vector<CheckpointScore> scores;
  try {
    const json parsed = json::parse(read_file(scores_file(checkpoints)));
    for (const json& entry : parsed.at("scores")) scores.push_back(score_from_json(entry));
  } catch (const Error& error) {
    if (error.code() != Errc::kNotFound) log_warn(text_of("no scores: ", error.what()));
  } catch (const json::exception& exception) {
    log_warn(text_of(scores_file(checkpoints).string(), " is passed over: ", exception.what()));
    scores.clear();
  }
  return scores;
}

std::optional<CheckpointScore> score_of(const std::vector<CheckpointScore>& scores,
                                        std::int64_t step,
                                        const std::string& by) {
  const auto is_it = [&](const CheckpointScore& score) {
    return score.step == step && (by.empty() || score.by == by);
  };
  const auto found = std::find_if(scores.rbegin(), scores.rend(), is_it);
  return found == scores.rend() ? std::nullopt : std::optional(*found);
}

void add_score(const fs::path& checkpoints, const CheckpointScore& score) {
  std::vector<CheckpointScore> scores = read_scores(checkpoints);
  std::erase_if(scores, [&](const CheckpointScore& old) { return old.step == score.step; });
  scores.push_back(score);
  json entries = json::array();
  for (const CheckpointScore& one : scores) {
    entries.push_back(
        {{"step", one.step}, {"percent", one.percent}, {"by", one.by}, {"chooses", one.chooses}});
  }
  write_and_rename(scores_file(checkpoints), json{{"scores", entries}}.dump(1) + "\n");
}

fs::path best_link(const fs::path& checkpoints) { return checkpoints / "best"; }

fs::path best_of(const fs::path& checkpoints, const std::vector<CheckpointFolder>& there) {
  const std::vector<CheckpointScore> scores = read_scores(checkpoints);
  const std::optional<std::string> by = way_of_choosing(scores);
  using Rank = std::tuple<double, std::int64_t, fs::file_time_type>;
  std::optional<Rank> highest;
  fs::path best;
  for (const CheckpointFolder& found : there) {
    const auto score = by && found.complete ? score_of(scores, found.step, *by) : std::nullopt;
    if (!score || !score->chooses) continue;
    const Rank rank{score->percent, -found.step, written_at(found.path)};
    if (highest && rank <= *highest) continue;
    highest = rank;
    best = found.path;
  }
  if (highest) return best;
  const fs::path name = linked_name(checkpoints);
  for (const CheckpointFolder& found : there) {
    if (found.complete && found.path.filename() == name) return found.path;
  }
  return {};
}

void renew_best_link(const fs::path& checkpoints, const fs::path& best) {
  if (best.empty() || linked_name(checkpoints) == best.filename()) return;
  const fs::path link = best_link(checkpoints);
  const fs::path aside = checkpoints / "best.part";
  std::error_code error;
  fs::remove(aside, error);
  fs::create_directory_symlink(best.filename(), aside, error);
  // By rename: whoever reads meanwhile finds the one before or this one.
  if (!error) fs::rename(aside, link, error);
  if (error) {
    log_warn(text_of("cannot link ", link.string(), " to ", best.string(), ": ", error.message()));
  }
}

}  // namespace larkspur::pipeline
