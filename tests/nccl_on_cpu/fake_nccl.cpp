// SPDX-License-Identifier: Apache-2.0
// NCCL's point-to-point calls between processes of one host, over sockets. A communicator is a
// blocking one: at the end of a group its "kernel" is in the stream, and moves all messages of the
// group at once when its turn has come.
//
// As NCCL: a group has its kernel in the stream only when it has ended; a peer that is gone shows
// in ncclCommGetAsyncError; two ends of different size are not noticed, one of them waits.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <nccl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/nccl_on_cpu/fake_cuda.h"

using namespace std::chrono_literals;

struct ncclComm {
  int rank = 0;
  int size = 1;
  std::string name;
  std::vector<int> sockets;  ///< [ranks]
  std::atomic<ncclResult_t> state{ncclSuccess};
  std::atomic<bool> is_aborted{false};
  std::string text;
};

namespace {

constexpr auto kNap = 50us;

struct Message {
  bool is_sent;
  char* data;
  std::size_t bytes;
  int peer;
  cudaStream_t stream;
  std::size_t done = 0;
};

struct Group {
  bool is_open = false;
  ncclComm_t communicator = nullptr;
  std::vector<Message> messages;
};
thread_local Group group;

/// In the abstract name space: gone with the process.
sockaddr_un address_of(const ncclComm& communicator, int rank, socklen_t& length) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int written = std::snprintf(address.sun_path + 1,
                                    sizeof(address.sun_path) - 1,
                                    "larkspur-nccl-%s-%d",
                                    communicator.name.c_str(),
                                    rank);
  length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + written);
  return address;
}

/// Until `attempt` gives a socket; -1 when the communicator was aborted meanwhile.
template <typename Attempt>
int insist(const ncclComm& communicator, const Attempt& attempt) {
  while (!communicator.is_aborted) {
    const int socket = attempt();
    if (socket >= 0) return socket;
    std::this_thread::sleep_for(kNap);
  }
  return -1;
}

int reach(const ncclComm& communicator, int peer) {
  return insist(communicator, [&] {
    socklen_t length = 0;
    const sockaddr_un to = address_of(communicator, peer, length);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), length) == 0) return socket;
    ::close(socket);
    return -1;
  });
}

/// Lower ranks are reached, higher ones wait for; each says who it is.
ncclResult_t connect_all(ncclComm& communicator) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  socklen_t length = 0;
  const sockaddr_un mine = address_of(communicator, communicator.rank, length);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&mine), length) != 0)
    return ncclSystemError;
  ::listen(listener, communicator.size);
  communicator.sockets.assign(static_cast<std::size_t>(communicator.size), -1);
  for (int peer = 0; peer < communicator.rank; ++peer) {
    const int socket = reach(communicator, peer);
    if (socket < 0 || ::write(socket, &communicator.rank, sizeof(int)) != sizeof(int)) {
      return ncclSystemError;
    }
    communicator.sockets[static_cast<std::size_t>(peer)] = socket;
  }
  for (int left = communicator.size - 1 - communicator.rank; left > 0; --left) {
    const int socket = insist(communicator, [&] { return ::accept(listener, nullptr, nullptr); });
    int peer = 0;
    if (socket < 0 || ::read(socket, &peer, sizeof(int)) != sizeof(int)) return ncclSystemError;
    communicator.sockets[static_cast<std::size_t>(peer)] = socket;
  }
  ::close(listener);
  for (const int socket : communicator.sockets) {
    if (socket >= 0) ::fcntl(socket, F_SETFL, O_NONBLOCK);
  }
  return ncclSuccess;
}

/// Moves what can be moved now. False when the peer is gone.
bool advance(Message& message, int socket) {
  char* at = message.data + message.done;
  const std::size_t left = message.bytes - message.done;
  const ssize_t moved =
      message.is_sent ? ::send(socket, at, left, MSG_NOSIGNAL) : ::recv(socket, at, left, 0);
  if (moved > 0) message.done += static_cast<std::size_t>(moved);
  const bool has_to_wait = moved < 0 && (errno == EAGAIN || errno == EINTR);
  return moved > 0 || has_to_wait;
}

/// Of messages one way between two ranks the first that is unfinished moves: they keep their order.
bool is_its_turn(std::span<const Message> messages, std::size_t index) {
  const Message& mine = messages[index];
  const auto before = messages.first(index);
  return std::ranges::none_of(before, [&](const Message& message) {
    return message.peer == mine.peer && message.is_sent == mine.is_sent &&
           message.done < message.bytes;
  });
}

/// The kernel of a group. It spins until its messages are through, or for ever: then it is aborted.
void exchange(ncclComm& communicator, std::vector<Message> messages) {
  bool has_more = true;
  while (has_more && !communicator.is_aborted) {
    has_more = false;
    for (std::size_t index = 0; index < messages.size(); ++index) {
      Message& message = messages[index];
      if (message.done == message.bytes) continue;
      has_more = true;
      if (!is_its_turn(messages, index)) continue;
      if (!advance(message, communicator.sockets[static_cast<std::size_t>(message.peer)])) {
        communicator.text = "connection closed by rank " + std::to_string(message.peer);
        communicator.state = ncclRemoteError;
        while (!communicator.is_aborted) std::this_thread::sleep_for(kNap);
        return;
      }
    }
    if (has_more) std::this_thread::sleep_for(kNap);
  }
}

ncclResult_t add(ncclComm_t communicator, Message message) {
  if (communicator == nullptr || message.data == nullptr) return ncclInvalidArgument;
  if (message.peer < 0 || message.peer >= communicator->size) return ncclInvalidArgument;
  if (!group.is_open) return ncclInvalidUsage;
  group.communicator = communicator;
  group.messages.push_back(message);
  return ncclSuccess;
}

}  // namespace

extern "C" {

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInvalidUsage:
      return "invalid usage";
    default:
      return "an error";
  }
}

const char* ncclGetLastError(ncclComm_t communicator) {
  return communicator == nullptr ? "" : communicator->text.c_str();
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  *id = {};
  std::snprintf(
      id->internal,
      sizeof(id->internal),
      "%d-%lld",
      ::getpid(),
      static_cast<long long>(std::chrono::steady_clock::now().time_since_epoch().count()));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* communicator, int size, ncclUniqueId id, int rank) {
  auto* made = new ncclComm;
  made->rank = rank;
  made->size = size;
  made->name = id.internal;
  *communicator = made;
  return connect_all(*made);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* state) {
  if (communicator == nullptr) return ncclInvalidArgument;
  *state = communicator->state;
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  if (group.is_open) std::abort();  // ours do not nest
  group.is_open = true;
  return ncclSuccess;
}

ncclResult_t ncclSend(const void* data,
                      std::size_t count,
                      ncclDataType_t /*type*/,
                      int peer,
                      ncclComm_t communicator,
                      cudaStream_t stream) {
  auto* bytes = static_cast<char*>(const_cast<void*>(data));  // one kind of message; only read
  return add(communicator, {true, bytes, count, peer, stream});
}

ncclResult_t ncclRecv(void* data,
                      std::size_t count,
                      ncclDataType_t /*type*/,
                      int peer,
                      ncclComm_t communicator,
                      cudaStream_t stream) {
  return add(communicator, {false, static_cast<char*>(data), count, peer, stream});
}

ncclResult_t ncclGroupEnd() {
  Group ended = std::exchange(group, {});
  if (!ended.is_open) return ncclInvalidUsage;
  if (ended.messages.empty()) return ncclSuccess;
  ncclComm_t communicator = ended.communicator;
  if (communicator->is_aborted) return ncclInternalError;
  cudaStream_t stream = ended.messages.front().stream;
  stream->queue(
      [communicator, messages = std::move(ended.messages)] { exchange(*communicator, messages); });
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t communicator) {
  return communicator->is_aborted ? ncclInternalError : ncclSuccess;
}

/// Leaves the communicator itself behind: the stream may still hold its kernels.
ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  for (const int socket : communicator->sockets) {
    if (socket >= 0) ::close(socket);
  }
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t communicator) {
  communicator->is_aborted = true;
  for (const int socket : communicator->sockets) {
    if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
  }
  return ncclSuccess;
}

}  // extern "C"
