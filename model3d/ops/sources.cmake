# Sources of model3d/ops, relative to model3d/; included by model3d/CMakeLists.txt, where file
# properties take effect.

set(model3d_ops_sources
  ops/channel_mixer/channel_mixer.cpp
  ops/channel_mixer/channel_mixer_backward_cpu.cpp
  ops/channel_mixer/channel_mixer_forward_cpu.cpp
  ops/dw_conv3d/dw_conv3d.cpp
  ops/dw_conv3d/dw_conv3d_cpu.cpp
  ops/dw_conv3d/dw_conv3d_cuda_plan.cpp
  ops/dw_conv3d/dw_conv3d_double_cpu.cpp
  ops/dw_conv3d/dw_conv3d_plan.cpp
  ops/excite_gate/excite_gate.cpp
  kernels/autocast.cpp
  kernels/parallel_for.cpp
  kernels/products.cpp
  kernels/products_bfloat16.cpp
  ops/layer_norm/layer_norm.cpp
  ops/neighbour_max/neighbour_max.cpp
  ops/reparam_depthwise/reparam_depthwise.cpp
  ops/reparam_depthwise/reparam_depthwise_backward_cpu.cpp
  ops/reparam_depthwise/reparam_depthwise_forward_cpu.cpp
  ops/reparam_depthwise/reparam_depthwise_group.cpp
  ops/running_moments/running_moments.cpp
  ops/strided_conv/strided_conv.cpp
  ops/strided_conv/strided_conv_cpu.cpp)

# at::parallel_for is serial in code compiled without it; the runtime is the one LibTorch brings.
set_source_files_properties(kernels/parallel_for.cpp PROPERTIES COMPILE_OPTIONS -fopenmp SKIP_PRECOMPILE_HEADERS ON)

# One file an op and instruction set; the processor decides at run time. A product and its sum are
# fused in these files only, and they are optimised in debug builds too: tests would take minutes.
# With a sanitizer less so: its checks in every unrolled loop would take the compiler minutes.
set(lanes_flags -O3 -ffp-contract=fast)
if(LARKSPUR_SANITIZE)
  set(lanes_flags -O1 -ffp-contract=fast)
endif()
set(avx2_flags)
set(avx512_flags)
set(bfloat16_flags)
set(dw_conv3d_avx512_flags)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(avx2_flags -mavx2 -mfma)
  set(avx512_flags -mavx512f -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512)
  set(bfloat16_flags ${avx512_flags} -mavx512bw -mavx512bf16
    -Wno-maybe-uninitialized)  # g++ 12 in its own header
  # g++'s generic costs make three loads of an operand that three products share; bits stay.
  set(dw_conv3d_avx512_flags -mtune=icelake-server)
  list(APPEND model3d_ops_sources kernels/instruction_set_x86.cpp)
else()
  list(APPEND model3d_ops_sources kernels/instruction_set_any.cpp)
endif()
set_source_files_properties(kernels/products_bfloat16.cpp PROPERTIES
  COMPILE_OPTIONS "${lanes_flags};${bfloat16_flags}" SKIP_PRECOMPILE_HEADERS ON)
foreach(loops kernels/products ops/channel_mixer/channel_mixer ops/dw_conv3d/dw_conv3d
              ops/layer_norm/layer_norm ops/neighbour_max/neighbour_max
              ops/reparam_depthwise/reparam_depthwise)
  foreach(set portable avx2 avx512)
    list(APPEND model3d_ops_sources ${loops}_${set}.cpp)
    set_source_files_properties(${loops}_${set}.cpp PROPERTIES
      COMPILE_OPTIONS "${lanes_flags};${${set}_flags}" SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
endforeach()
set_property(SOURCE ops/dw_conv3d/dw_conv3d_avx512.cpp APPEND PROPERTY
  COMPILE_OPTIONS ${dw_conv3d_avx512_flags})

# Sources of liblarkspur_cuda.so that belong to this folder.
set_property(GLOBAL APPEND PROPERTY larkspur_cuda_sources
  ${CMAKE_CURRENT_SOURCE_DIR}/kernels/add_columns_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/channel_mixer/channel_mixer_cuda.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/channel_mixer/channel_mixer_backward_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/channel_mixer/channel_mixer_forward_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/dw_conv3d/dw_conv3d_cuda.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/dw_conv3d/dw_conv3d_correlate_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/dw_conv3d/dw_conv3d_gradient_mma_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/dw_conv3d/dw_conv3d_mma_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/dw_conv3d/dw_conv3d_weight_gradient_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/excite_gate/excite_gate_cuda.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/excite_gate/excite_gate_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/layer_norm/layer_norm_cuda.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/layer_norm/layer_norm_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/reparam_depthwise/reparam_depthwise_cuda.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/reparam_depthwise/reparam_depthwise_backward_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/reparam_depthwise/reparam_depthwise_forward_cuda.cu
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/running_moments/running_moments_cuda.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/ops/running_moments/running_moments_cuda.cu)
