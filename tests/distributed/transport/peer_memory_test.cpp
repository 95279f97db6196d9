// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/peer_memory.h"

#include <csignal>
#include <cstdlib>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "distributed/transport/thread_group.h"
#include "pipeline/error.h"
#include "tests/support/refusal.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::error_of;
using ::testing::HasSubstr;

/// Another process with a copy of this one's memory, for as long as it lives.
class Twin {
 public:
  Twin() : process_(::fork()) {
    if (process_ == 0) {
      ::alarm(60);  // where the test itself is killed
      for (;;) ::pause();
    }
  }
  ~Twin() { end(); }
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  std::int64_t process() const { return process_; }
  void end() {
    if (process_ <= 0) return;
    ::kill(static_cast<pid_t>(process_), SIGKILL);
    ::waitpid(static_cast<pid_t>(process_), nullptr, 0);
    process_ = 0;
  }

 private:
  std::int64_t process_;
};

TEST(PeerMemory, IsReadFromAnotherProcess) {
  const std::uint64_t word = draw_word();
  std::vector<int> numbers(100000);
  std::iota(numbers.begin(), numbers.end(), 7);
  Twin twin;
  MemoryCard card = card_of(word);
  card.process = twin.process();
  if (!may_read(card)) GTEST_SKIP() << "reading another process is not allowed here";
  const std::vector<int> expected = numbers;
  std::fill(numbers.begin(), numbers.end(), 0);  // the twin has its own
  std::vector<int> found(numbers.size());
  const auto address = reinterpret_cast<std::uint64_t>(numbers.data());
  read_memory(twin.process(), address, std::as_writable_bytes(std::span(found)));
  EXPECT_EQ(found, expected);
  twin.end();
  const pipeline::Error gone = error_of(
      [&] { read_memory(card.process, address, std::as_writable_bytes(std::span(found))); });
  EXPECT_EQ(gone.code(), pipeline::Errc::kCollective);
  EXPECT_THAT(gone.what(), HasSubstr("No such process"));
}

TEST(PeerMemory, IsRefusedWhereTheWordIsAnotherOne) {
  std::uint64_t word = draw_word();
  const MemoryCard card = card_of(word);
  if (!may_read(card)) GTEST_SKIP() << "reading a process is not allowed here";
  ++word;
  EXPECT_FALSE(may_read(card));
  EXPECT_FALSE(may_read({card.process, 16, card.word}));
  std::uint64_t room = 0;
  EXPECT_THAT(error_of([&] {
                read_memory(card.process, 16, std::as_writable_bytes(std::span(&room, 1)));
              }).what(),
              HasSubstr("Bad address"));
}

TEST(PeerMemory, IsReadByRanksThatAreThreadsWhereItMayBe) {
  const std::uint64_t word = draw_word();
  const auto groups = make_thread_groups(2, {});
  EXPECT_EQ(groups[0]->reads(1), may_read(card_of(word)));
  EXPECT_FALSE(groups[0]->reads(0));
  GroupOptions sends;
  sends.reads_memory = false;
  EXPECT_FALSE(make_thread_groups(2, sends)[0]->reads(1));
}

TEST(PeerMemory, WordsAreNotTheSame) { EXPECT_NE(draw_word(), draw_word()); }

}  // namespace
}  // namespace larkspur::distributed
