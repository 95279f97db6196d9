// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/star_sockets.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>
#include <sstream>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::FileDescriptor;
using pipeline::text_of;
using Clock = std::chrono::steady_clock;

constexpr auto kAllLimit = std::chrono::seconds(10);
constexpr int kOneMilliseconds = 2000;

/// The first words on a connection.
struct Hello {
  std::uint64_t word = 0;
  std::int64_t rank = 0;
};

/// Where rank 0 listens, as text: a word, a port, a host, addresses.
struct Contact {
  std::uint64_t word = 0;
  int port = 0;
  std::string host;
  std::vector<std::string> addresses;

  std::string text() const {
    std::string all = text_of(word, ' ', port, ' ', host);
    for (const std::string& address : addresses) all += ' ' + address;
    return all;
  }
  static Contact of(const std::string& text) {
    Contact contact;
    std::istringstream words(text);
    words >> contact.word >> contact.port >> contact.host;
    for (std::string address; words >> address;) contact.addresses.push_back(address);
    return contact;
  }
};

std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, each->ifa_addr, sizeof(address));
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    if (std::string(text.data()).starts_with("127.")) continue;
    found.emplace_back(text.data());
  }
  ::freeifaddrs(list);
  return found;
}

bool is_ready(const FileDescriptor& socket, short event, int milliseconds) {
  pollfd wanted{socket.get(), event, 0};
  return ::poll(&wanted, 1, milliseconds) == 1 && (wanted.revents & event) != 0;
}

FileDescriptor settled(FileDescriptor socket) {
  const int yes = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  return socket;
}

FileDescriptor new_socket() {
  return FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// A listening socket on any port. Where that is refused nobody is reached, and each is warned of.
FileDescriptor listen_anywhere(int ranks, Contact& contact) {
  FileDescriptor listener = new_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t length = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), any, length) != 0 || ::listen(listener.get(), ranks) != 0 ||
      ::getsockname(listener.get(), any, &length) != 0) {
    return listener;
  }
  contact.port = ntohs(address.sin_port);
  std::random_device random;
  contact.word = (static_cast<std::uint64_t>(random()) << 32U) | random();
  contact.addresses = own_addresses();
  return listener;
}

/// Takes in who says the word, until all are there or time is up.
void take_in(const FileDescriptor& listener, std::uint64_t word, std::vector<StarEnd>& ends) {
  const auto limit = Clock::now() + kAllLimit;
  auto missing = static_cast<std::ptrdiff_t>(ends.size());
  while (missing > 0 && Clock::now() < limit) {
    if (!is_ready(listener, POLLIN, 100)) continue;
    FileDescriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    Hello hello;
    const bool is_heard = is_ready(socket, POLLIN, kOneMilliseconds) &&
                          ::recv(socket.get(), &hello, sizeof(hello), 0) == sizeof(hello);
    const auto end = std::find_if(
        ends.begin(), ends.end(), [&](const StarEnd& each) { return each.rank == hello.rank; });
    if (!is_heard || hello.word != word || end == ends.end() || end->socket.valid()) continue;
    end->socket = settled(std::move(socket));
    --missing;
  }
}

FileDescriptor reach(const std::string& address, int port) {
  FileDescriptor socket = new_socket();
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  int error = -1;
  socklen_t length = sizeof(error);
  if (::inet_pton(AF_INET, address.c_str(), &to.sin_addr) == 1 &&
      (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0 ||
       is_ready(socket, POLLOUT, kOneMilliseconds))) {
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  }
  return error == 0 ? std::move(socket) : FileDescriptor();
}

FileDescriptor reach_any(const Contact& root, int rank) {
  std::vector<std::string> addresses = root.addresses;
  if (root.host == host_name()) addresses.insert(addresses.begin(), "127.0.0.1");
  for (const std::string& address : addresses) {
    FileDescriptor socket = reach(address, root.port);
    const Hello hello{root.word, rank};
    if (socket.valid() &&
        ::send(socket.get(), &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello)) {
      return settled(std::move(socket));
    }
  }
  return FileDescriptor();
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::vector<StarEnd> connect_star(pipeline::Communicator& ranks) {
  Contact mine;
  mine.host = host_name();
  const bool is_root = ranks.rank() == 0;
  const FileDescriptor listener = is_root ? listen_anywhere(ranks.size(), mine) : FileDescriptor();
  const std::vector<std::string> told = ranks.all_gather(mine.text());
  std::vector<StarEnd> ends;
  if (is_root) {
    for (int rank = 1; rank < ranks.size(); ++rank) {
      ends.push_back({rank, Contact::of(told[static_cast<std::size_t>(rank)]).host});
    }
    take_in(listener, mine.word, ends);
  } else {
    const Contact root = Contact::of(told[0]);
    ends.push_back({0, root.host, reach_any(root, ranks.rank())});
  }
  for (const StarEnd& end : ends) {
    if (!end.socket.valid()) {
      pipeline::log_warn(text_of("the watchdog of rank ",
                                 ranks.rank(),
                                 " does not reach rank ",
                                 end.rank,
                                 " on host ",
                                 end.host,
                                 ": it will not notice when that one stops"));
    }
  }
  return ends;
}

}  // namespace larkspur::distributed
