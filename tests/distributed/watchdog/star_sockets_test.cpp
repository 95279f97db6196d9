// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/star_sockets.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "distributed/group_communicator.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using namespace std::chrono_literals;
using larkspur::testing::run_ranks;
using pipeline::FileDescriptor;

/// What rank 0 tells of where it listens, "word port address...", may be heard and changed; with
/// two hosts the last rank seems to be on another one.
class Overheard : public GroupCommunicator {
 public:
  Overheard(ProcessGroup& group, int hosts, std::function<void(std::string&)> heard)
      : GroupCommunicator(group), hosts_(hosts), heard_(std::move(heard)) {}

  std::vector<std::string> all_gather(std::string_view mine) override {
    std::vector<std::string> all = GroupCommunicator::all_gather(mine);
    if (++calls_ == kPlaces && hosts_ == 2) all.back() = "elsewhere";
    if (calls_ == kContact) heard_(all.front());
    return all;
  }

 private:
  static constexpr int kPlaces = 1;  // calls in their order
  static constexpr int kContact = 2;

  int hosts_;
  std::function<void(std::string&)> heard_;
  int calls_ = 0;
};

/// Every rank connects; the last of `count` hears `heard` first. Expects all to be reached.
void connect_all(int count,
                 const std::function<void(std::string&)>& heard,
                 const std::function<void(int)>& when_connected = {},
                 int hosts = 1) {
  run_ranks(count, [&](ProcessGroup& group) {
    Overheard ranks(group, hosts, [&](std::string& contact) {
      if (group.rank() == count - 1) heard(contact);
    });
    const std::vector<StarEnd> ends = connect_star(ranks);
    for (const StarEnd& end : ends) EXPECT_TRUE(end.socket.valid()) << end.rank;
    if (when_connected) when_connected(group.rank());
  });
}

int port_of(const std::string& contact) {
  std::uint64_t word = 0;
  int port = 0;
  std::istringstream(contact) >> word >> port;
  return port;
}

sockaddr_in at(const char* address, int port) {
  sockaddr_in found{};
  found.sin_family = AF_INET;
  found.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &found.sin_addr);
  return found;
}

FileDescriptor stream() { return FileDescriptor(::socket(AF_INET, SOCK_STREAM, 0)); }

/// A stranger's connection, on which nothing is said; none: refused.
FileDescriptor stranger(const char* address, int port) {
  FileDescriptor socket = stream();
  const sockaddr_in to = at(address, port);
  const bool is_open =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
  return is_open ? std::move(socket) : FileDescriptor();
}

TEST(StarSockets, NobodyIsThroughBeforeTheLastIs) {
  std::atomic<bool> is_last_here = false;
  connect_all(
      3,
      [&](std::string&) {
        std::this_thread::sleep_for(200ms);
        is_last_here = true;
      },
      [&](int rank) { EXPECT_TRUE(is_last_here) << rank; });
}

TEST(StarSockets, AreOpenToThisHostAloneWhereAllRanksAreOnIt) {
  connect_all(2, [](const std::string& contact) {
    EXPECT_TRUE(stranger("127.0.0.1", port_of(contact)).valid());
    EXPECT_FALSE(stranger("127.0.0.2", port_of(contact)).valid());
  });
}

TEST(StarSockets, AreOpenToOtherHostsWhereThereAreSome) {
  connect_all(
      2,
      [](const std::string& contact) {
        EXPECT_TRUE(stranger("127.0.0.2", port_of(contact)).valid());
      },
      {},
      /*hosts=*/2);
}

TEST(StarSockets, ASilentStrangerKeepsNobodyWaiting) {
  std::vector<FileDescriptor> strangers;
  const auto start = std::chrono::steady_clock::now();
  connect_all(2, [&](const std::string& contact) {
    for (int i = 0; i < 3; ++i) strangers.push_back(stranger("127.0.0.1", port_of(contact)));
  });
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST(StarSockets, WhoDoesNotAnswerWithTheWordIsNotRankZero) {
  const FileDescriptor impostor = stream();
  std::thread closes;
  connect_all(2, [&](std::string& contact) {
    const sockaddr_in here = at("127.0.0.2", port_of(contact));
    ASSERT_EQ(::bind(impostor.get(), reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0);
    ASSERT_EQ(::listen(impostor.get(), 1), 0);
    closes = std::thread([&] { FileDescriptor(::accept(impostor.get(), nullptr, nullptr)); });
    contact.insert(contact.find(' ', contact.find(' ') + 1), " 127.0.0.2");
  });
  closes.join();
}

}  // namespace
}  // namespace larkspur::distributed
