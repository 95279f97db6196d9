// SPDX-License-Identifier: Apache-2.0
#include "launch/run/closed_pipe.h"

#include <poll.h>
#include <unistd.h>

namespace larkspur::launch {

bool reader_has_left() {
  pollfd state{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLERR) != 0;
}

}  // namespace larkspur::launch
