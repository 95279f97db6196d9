// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state_saver.h"

namespace larkspur::pipeline {

void finish_save(StateSaver& saver, Communicator& communicator) {
  while (saver.is_busy()) {
    saver.pause();
    saver.hear(communicator.all_gather(saver.tell()));
  }
}

}  // namespace larkspur::pipeline
