// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/star_sockets.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
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
constexpr const char* kLoopback = "127.0.0.1";
constexpr std::size_t kStrangers = 64;  // connected and silent; beyond, the first of them goes

/// The first words on a connection.
struct Hello {
  std::uint64_t word = 0;
  std::int64_t rank = 0;
};

/// Where rank 0 listens, as text: a word, a port, addresses in the order to try them.
struct Contact {
  std::uint64_t word = 0;
  int port = 0;
  std::vector<std::string> addresses;

  std::string text() const {
    std::string all = text_of(word, ' ', port);
    for (const std::string& address : addresses) all += ' ' + address;
    return all;
  }
  static Contact of(const std::string& text) {
    Contact contact;
    std::istringstream words(text);
    words >> contact.word >> contact.port;
    for (std::string address; words >> address;) contact.addresses.push_back(address);
    return contact;
  }
};

/// The name of this host and, after it, what tells apart hosts of one name and containers of one
/// host: the kernel's boot and the network namespace.
std::string own_place() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::array<char, 64> network{};
  const ssize_t length = ::readlink("/proc/self/ns/net", network.data(), network.size() - 1);
  return text_of(host_name(), ' ', boot, ' ', length > 0 ? network.data() : "");
}

std::string host_of(const std::string& place) { return place.substr(0, place.find(' ')); }

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

/// A listening socket on any port, open to this host alone where all ranks are on it. Where it is
/// refused nobody is reached, and each is warned of.
FileDescriptor listen_to(bool is_one_host, Contact& contact) {
  FileDescriptor listener = new_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(is_one_host ? INADDR_LOOPBACK : INADDR_ANY);
  socklen_t length = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), any, length) != 0 || ::listen(listener.get(), SOMAXCONN) != 0 ||
      ::getsockname(listener.get(), any, &length) != 0) {
    return listener;
  }
  contact.port = ntohs(address.sin_port);
  std::random_device random;
  contact.word = (static_cast<std::uint64_t>(random()) << 32U) | random();
  contact.addresses = is_one_host ? std::vector<std::string>{kLoopback} : own_addresses();
  return listener;
}

/// Takes the connection as that of the rank it names, where it says the word, and answers with the
/// word. One that comes again has given its first connection up.
void take(FileDescriptor socket, std::uint64_t word, std::vector<StarEnd>& ends) {
  Hello hello;
  if (::recv(socket.get(), &hello, sizeof(hello), MSG_DONTWAIT) != sizeof(hello)) return;
  const auto end = std::ranges::find(ends, hello.rank, &StarEnd::rank);
  if (hello.word != word || end == ends.end()) return;
  if (::send(socket.get(), &word, sizeof(word), MSG_NOSIGNAL) != sizeof(word)) return;
  end->socket = settled(std::move(socket));
}

/// Takes in who says the word, until all are there or time is up. Who connects and says nothing
/// keeps nobody waiting.
void take_in(const FileDescriptor& listener, std::uint64_t word, std::vector<StarEnd>& ends) {
  const auto limit = Clock::now() + kAllLimit;
  std::vector<FileDescriptor> silent;
  const auto is_missing = [](const StarEnd& end) { return !end.socket.valid(); };
  while (std::ranges::any_of(ends, is_missing) && Clock::now() < limit) {
    std::vector<pollfd> wanted{{listener.get(), POLLIN, 0}};
    for (const FileDescriptor& socket : silent) wanted.push_back({socket.get(), POLLIN, 0});
    ::poll(wanted.data(), wanted.size(), 100);
    for (std::size_t i = silent.size(); i > 0; --i) {
      if (wanted[i].revents == 0) continue;
      const auto speaks = silent.begin() + static_cast<std::ptrdiff_t>(i - 1);
      take(std::move(*speaks), word, ends);
      silent.erase(speaks);
    }
    if (wanted[0].revents == 0) continue;
    FileDescriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.valid()) silent.push_back(std::move(socket));
    if (silent.size() > ends.size() + kStrangers) silent.erase(silent.begin());
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

/// Whoever does not answer with the word is not rank 0, and the next address is tried.
FileDescriptor reach_any(const Contact& root, int rank) {
  for (const std::string& address : root.addresses) {
    FileDescriptor socket = reach(address, root.port);
    const Hello hello{root.word, rank};
    std::uint64_t answer = 0;
    if (socket.valid() &&
        ::send(socket.get(), &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello) &&
        is_ready(socket, POLLIN, kOneMilliseconds) &&
        ::recv(socket.get(), &answer, sizeof(answer), 0) == sizeof(answer) && answer == root.word) {
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
  const bool is_root = ranks.rank() == 0;
  const std::vector<std::string> places = ranks.all_gather(own_place());
  const bool is_one_host = std::ranges::all_of(
      places, [&](const std::string& place) { return place == places.front(); });
  Contact mine;
  const FileDescriptor listener = is_root ? listen_to(is_one_host, mine) : FileDescriptor();
  Contact root = Contact::of(ranks.all_gather(is_root ? mine.text() : "").front());
  std::vector<StarEnd> ends;
  if (is_root) {
    for (int rank = 1; rank < ranks.size(); ++rank) {
      ends.push_back({rank, host_of(places[static_cast<std::size_t>(rank)])});
    }
    take_in(listener, mine.word, ends);
  } else {
    const bool is_its_host = own_place() == places.front();
    if (is_its_host && !is_one_host) root.addresses.insert(root.addresses.begin(), kLoopback);
    ends.push_back({0, host_of(places.front()), reach_any(root, ranks.rank())});
  }
  // A barrier too: who was first must not judge while rank 0 still takes the others in.
  const std::vector<std::string> reached =
      ranks.all_gather(!is_root && ends.front().socket.valid() ? "reached" : "");
  for (StarEnd& end : ends) {
    if (is_root && reached[static_cast<std::size_t>(end.rank)].empty()) end.socket = {};
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
