// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/mpirun_call.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <unistd.h>

#include "launch/run/exit_code.h"
#include "pipeline/require.h"

namespace larkspur::launch {

std::vector<std::string> mpirun_words(const MpirunCall& call) {
  std::vector<std::string> words{
      call.mpirun, "--oversubscribe", "--bind-to", "none", "-n", std::to_string(call.ranks)};
  const auto add = [&words](std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
  };
  if (!call.hostfile.empty()) add({"--hostfile", call.hostfile});
  add({"--mca", "oob_tcp_keepalive_time", "5"});
  add({"--mca", "oob_tcp_keepalive_intvl", "2"});
  add({"--mca", "oob_tcp_keepalive_probes", "3"});
  if (call.as_root) add({"--allow-run-as-root"});
  add({"-x", "OMP_NUM_THREADS=" + std::to_string(call.threads)});
  add({"-x", "LARKSPUR_PROGRESS=launch"});
  for (const std::string& name : call.passed_on) add({"-x", name});
  words.push_back(call.program);
  words.insert(words.end(), call.words.begin(), call.words.end());
  return words;
}

std::vector<std::string> gpu_variables(const char* const* environment) {
  std::vector<std::string> names;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::string_view name = entry.substr(0, entry.find('='));
    for (const std::string_view prefix : {"NCCL_", "CUDA_", "CUBLAS_", "CUDNN_"}) {
      if (name.starts_with(prefix) && name != "NCCL_HOSTID") names.emplace_back(name);
    }
  }
  return names;
}

std::string find_program(std::string_view name, std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find(':'), path.size());
    const std::filesystem::path file = std::filesystem::path(path.substr(0, end)) / name;
    std::error_code ignored;
    if (end > 0 && std::filesystem::is_regular_file(file, ignored) &&
        ::access(file.c_str(), X_OK) == 0) {
      return file.string();
    }
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return {};
}

bool is_own_code(int code) {
  constexpr std::array own{
      kExitDone, kExitUsage, kExitData, kExitCheckpoint, kExitDevice, kExitBug, kExitStopped};
  return std::find(own.begin(), own.end(), code) != own.end();
}

std::string story_of(const JobEnd& end, const std::string& lost_host) {
  if (!end.killed.empty()) return "the job was killed: " + end.killed;
  if (!lost_host.empty()) {
    return "the job ended: mpirun has lost the connection to host " + lost_host +
           " (see whether it answers to ping and ssh)";
  }
  if (end.code > 128 && end.code < 160) {
    return pipeline::text_of("the job died of signal ", end.code - 128);
  }
  return pipeline::text_of("the job ended with code ", end.code);
}

bool is_fault(int code) { return code == kExitDevice || !is_own_code(code); }

}  // namespace larkspur::launch
