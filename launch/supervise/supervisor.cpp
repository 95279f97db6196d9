// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/supervisor.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using Clock = std::chrono::steady_clock;

constexpr int kTickMilliseconds = 100;
constexpr auto kLookInterval = std::chrono::seconds(1);
constexpr auto kAskAgain = std::chrono::seconds(5);
constexpr std::array kTaken{SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2};

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

/// The session a process belongs to, and whether it still runs; 0 when it is gone.
pid_t session_if_alive(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  const std::size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  char state = 0;
  long parent = 0, group = 0, session = 0;
  const char* rest = text.c_str() + name_end + 1;
  if (std::sscanf(rest, " %c %ld %ld %ld", &state, &parent, &group, &session) != 4) return 0;
  return state == 'Z' || state == 'X' ? 0 : static_cast<pid_t>(session);
}

/// The processes of a session that still run.
std::vector<pid_t> processes_of(pid_t session) {
  std::vector<pid_t> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator("/proc", error); entry != fs::directory_iterator();
       entry.increment(error)) {
    if (error) break;
    const std::string name = entry->path().filename().string();
    pid_t process = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (bad != std::errc() || end != name.data() + name.size()) continue;
    if (session_if_alive(process) == session) found.push_back(process);
  }
  return found;
}

/// Ends a session for good: what is started while it is being killed, too.
void kill_session(pid_t session) {
  for (int round = 0; round < 200; ++round) {
    const std::vector<pid_t> left = processes_of(session);
    if (left.empty()) return;
    for (const pid_t process : left) ::kill(process, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

/// A file as itself, whatever it is called.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;  ///< 0: no such file
  bool operator==(const FileId&) const = default;
};

FileId file_id(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

/// By name, or as the file that had the name when the job began: it may be replaced under the job.
bool runs(pid_t process, const std::string& program, const FileId& at_start) {
  const std::string link = "/proc/" + std::to_string(process) + "/exe";
  std::error_code gone;
  if (fs::read_symlink(link, gone) == program) return true;
  return at_start.inode != 0 && file_id(link) == at_start;
}

/// The signals of kTaken but those that this process was started to ignore: a blocked signal would
/// be queued, and read, all the same.
sigset_t signals_to_take() {
  sigset_t taken;
  ::sigemptyset(&taken);
  for (const int signal : kTaken) {
    struct sigaction former {};
    ::sigaction(signal, nullptr, &former);
    if (former.sa_handler != SIG_IGN) ::sigaddset(&taken, signal);
  }
  return taken;
}

/// In the child, between fork and exec: nothing but system calls.
[[noreturn]] void become(char** words, int words_out, const sigset_t& mask, pid_t parent) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(words_out, STDERR_FILENO);
  ::signal(SIGPIPE, SIG_DFL);  // that this program ignores it is no business of the job's
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execv(words[0], words);
  constexpr std::string_view why = "cannot be executed\n";
  if (::write(STDERR_FILENO, words[0], std::strlen(words[0])) > 0 &&
      ::write(STDERR_FILENO, ": ", 2) > 0 && ::write(STDERR_FILENO, why.data(), why.size()) > 0) {
  }
  ::_exit(127);
}

}  // namespace

/// One run of a command.
struct Supervisor::Job {
  pid_t process = 0;
  int words_in = -1;
  FileId rank_program;  ///< as it was when the job began
  JobEnd end;
  std::optional<Clock::time_point> deadline;  ///< after being asked
  Clock::time_point asked_at;
  std::optional<Clock::time_point> idle_since;
  Clock::time_point looked_at;
  bool had_ranks = false;

  ~Job() {
    if (words_in >= 0) ::close(words_in);
  }

  void kill(const std::string& why) {
    if (end.killed.empty()) end.killed = why;
    ::kill(process, SIGKILL);  // it may not have come to its session yet
    kill_session(process);
  }

  /// Hands on what the job said; returns false when nobody is left who could say anything.
  bool relay(const JobCallbacks& watch) const {
    std::array<char, 8192> piece{};
    const ssize_t size = ::read(words_in, piece.data(), piece.size());
    if (size > 0) watch.words({piece.data(), static_cast<std::size_t>(size)});
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
  }

  /// True once it has ended; its code is noted.
  bool ended() {
    int status = 0;
    if (::waitpid(process, &status, WNOHANG) != process) return false;
    end.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
  }
};

Supervisor::Supervisor(const SupervisorOptions& options) : options_(options) {
  const sigset_t taken = signals_to_take();
  ::pthread_sigmask(SIG_BLOCK, &taken, &former_mask_);
  for (const int signal : kTaken) ::sigdelset(&former_mask_, signal);  // held since the start
  signals_ = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
  require(signals_ >= 0, Errc::kIo, "[supervisor] no signalfd: ", std::strerror(errno));
}

Supervisor::~Supervisor() {
  ::close(signals_);
  ::pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
}

void Supervisor::start(Job& job, const std::vector<std::string>& command) const {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::array<int, 2> pipe{};
  require(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) == 0,
          Errc::kIo,
          "[supervisor] no pipe: ",
          std::strerror(errno));
  ::fcntl(pipe[1], F_SETFL, 0);  // the job's end blocks, as it expects
  job.words_in = pipe[0];
  job.rank_program = file_id(options_.rank_program);
  const pid_t parent = ::getpid();
  job.process = ::fork();
  if (job.process == 0) become(words.data(), pipe[1], former_mask_, parent);
  const int error = errno;
  ::close(pipe[1]);
  require(job.process > 0, Errc::kIo, "[supervisor] ", command[0], ": ", std::strerror(error));
}

void Supervisor::ask(Job& job) const {
  job.end.asked = true;
  job.asked_at = Clock::now();
  if (!job.deadline) job.deadline = job.asked_at + seconds(options_.grace_seconds);
  ::kill(job.process, options_.ask_signal);
}

void Supervisor::take_signals(Job& job) const {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGUSR1) {
      ::kill(job.process, SIGUSR1);
    } else if (!job.end.asked) {
      ask(job);
    } else if (info.ssi_signo == SIGINT) {
      job.kill("interrupted again");
    }
  }
}

/// Deadlines, and mpirun that waits for a daemon that is gone while nothing runs here any more.
void Supervisor::look_after(Job& job) const {
  const auto now = Clock::now();
  if (job.deadline && now >= *job.deadline) job.kill("not done within the grace time");
  if (now - job.looked_at < kLookInterval) return;
  job.looked_at = now;
  // mpirun drops what comes while it starts, and there may have been nobody yet to tell.
  if (job.end.asked && now - job.asked_at >= kAskAgain) ask(job);
  if (options_.rank_program.empty()) return;
  bool ranks = false;
  for (const pid_t process : processes_of(job.process)) {
    ranks = ranks || runs(process, options_.rank_program, job.rank_program);
  }
  job.had_ranks = job.had_ranks || ranks;
  if (ranks || !job.had_ranks) {
    job.idle_since.reset();
  } else if (!job.idle_since) {
    job.idle_since = now;
  } else if (now - *job.idle_since >= seconds(options_.idle_seconds)) {
    job.kill("mpirun went on though all ranks on this host had ended");
  }
}

bool Supervisor::rest(double count) const {
  const auto until = Clock::now() + seconds(count);
  while (Clock::now() < until) {
    pollfd ready{signals_, POLLIN, 0};
    ::poll(&ready, 1, kTickMilliseconds);
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGUSR1) return true;  // there is nobody who could save
    }
  }
  return false;
}

JobEnd Supervisor::run(const std::vector<std::string>& command, const JobCallbacks& watch) {
  Job job;
  start(job, command);
  bool speaks = true;
  while (!job.ended()) {
    std::array<pollfd, 2> ready{pollfd{signals_, POLLIN, 0},
                                pollfd{speaks ? job.words_in : -1, POLLIN, 0}};
    ::poll(ready.data(), ready.size(), kTickMilliseconds);
    if (ready[1].revents != 0) speaks = job.relay(watch);
    take_signals(job);
    look_after(job);
    watch.tick();
  }
  kill_session(job.process);
  watch.tick();
  while (speaks) {  // its last words; what nobody holds open any more ends by itself
    pollfd ready{job.words_in, POLLIN, 0};
    if (::poll(&ready, 1, 0) <= 0) break;
    speaks = job.relay(watch);
  }
  return job.end;
}

}  // namespace larkspur::launch
