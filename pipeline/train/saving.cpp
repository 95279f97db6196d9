// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/saving.h"

#include "pipeline/state/arriving_values.h"

namespace larkspur::pipeline {

void Saving::hear(const StepStats& facts) {
  if (saver_ != nullptr) saver_->hear(facts.saving);
}

void Saving::beside(bool is_due) {
  is_due_ = is_due_ || is_due;
  if (saver_ == nullptr || !is_due_ || saver_->is_busy()) return;
  const PhaseScope phase(board_, RunPhase::kSave);
  begin();
}

void Saving::now() {
  run_.arriving->wait_for_all();  // with or without a saver: what travels uses the exchange
  if (saver_ == nullptr) return;
  const PhaseScope phase(board_, RunPhase::kSave);
  finish_save(*saver_, run_.communicator);
  begin();
  finish_save(*saver_, run_.communicator);
}

void Saving::begin() {
  run_.arriving->wait_for_all();
  saver_->begin();
  is_due_ = false;
}

}  // namespace larkspur::pipeline
