// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/arriving_values.h"

namespace larkspur::pipeline {
namespace {

bool is_under(const std::string& name, const std::string& part) {
  return name.starts_with(part) && (name.size() == part.size() || name[part.size()] == '.');
}

}  // namespace

void ArrivingValues::start() {
  are_all_here_ = false;
  exchange_.gather();
}

void ArrivingValues::wait_for(const std::string& part) {
  if (are_all_here_) return;
  int waited = -1;
  for (const FlatEntry& entry : layout_.entries()) {
    if (entry.bucket == waited || !is_under(entry.name, part)) continue;
    waited = entry.bucket;
    exchange_.wait(waited);
  }
}

void ArrivingValues::wait_for_all() {
  if (are_all_here_) return;
  for (int bucket = layout_.bucket_count() - 1; bucket >= 0; --bucket) exchange_.wait(bucket);
  are_all_here_ = true;
}

}  // namespace larkspur::pipeline
