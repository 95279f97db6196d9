# SPDX-License-Identifier: Apache-2.0
"""Reads the clips that `video_bench plan` names, as users of torchcodec and PyAV do, on one thread.

video.py READER WORK SECONDS PLAN      READER: torchcodec, approximate, pyav; WORK: rgb, tensor, four
Prints milliseconds a clip, then a line a file: name, sum of the bytes of pictures, each times its place, and the mean.
"""
import json
import sys
import time

import numpy
import torch

torch.set_num_threads(1)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def torchcodec_frames(file, numbers, mode):
    from torchcodec.decoders import VideoDecoder
    decoder = VideoDecoder(file, num_ffmpeg_threads=1, seek_mode=mode)
    return decoder.get_frames_at(indices=numbers).data  # uint8 [n, 3, H, W]


def pyav_frames(file, numbers):
    """Seeks to the keyframe before the first wanted frame, decodes on; frames are told by their time."""
    import av
    wanted = set(numbers)
    found = {}
    with av.open(file) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        tick = 1 / (stream.average_rate * stream.time_base)
        start = stream.start_time or 0
        container.seek(int(start + min(wanted) * tick), stream=stream)
        for frame in container.decode(stream):
            number = round((frame.pts - start) / tick)
            if number in wanted:
                found[number] = frame.to_ndarray(format="rgb24")
            if number >= max(wanted):
                break
    return torch.from_numpy(numpy.stack([found[n] for n in numbers])).permute(0, 3, 1, 2)


def frames_of(reader, file, numbers):
    if reader == "pyav":
        return pyav_frames(file, numbers)
    return torchcodec_frames(file, numbers, "approximate" if reader == "approximate" else "exact")


def tensor_of(frames, clip):
    left, top, width, height = clip["box"]
    part = frames[:, :, top:top + height, left:left + width]
    part = torch.nn.functional.interpolate(part, (clip["size"], clip["size"]), mode="bilinear", antialias=True)
    if clip["mirror"]:
        part = part.flip(3)
    return ((part.float() / 255 - MEAN) / DEVIATION).permute(1, 0, 2, 3).contiguous()


def read(reader, work, entry):
    clips = entry["clips"] if work == "four" else entry["clips"][:1]
    if work == "rgb":
        return [frames_of(reader, entry["file"], clips[0]["frames"])]
    if reader == "pyav" or work == "tensor":
        return [tensor_of(frames_of(reader, entry["file"], clip["frames"]), clip) for clip in clips]
    # torchcodec takes any list of frames: those of four clips at once
    numbers = [n for clip in clips for n in clip["frames"]]
    frames = frames_of(reader, entry["file"], numbers)
    length = len(clips[0]["frames"])
    return [tensor_of(frames[i * length:(i + 1) * length], clip) for i, clip in enumerate(clips)]


def content(tensors):
    total, mean = 0, 0.0
    for tensor in tensors:
        if tensor.dtype == torch.uint8:
            plain = tensor.permute(0, 2, 3, 1).contiguous().numpy().reshape(-1).astype(numpy.uint64)
            total += int((plain * numpy.arange(1, plain.size + 1, dtype=numpy.uint64)).sum())
        mean += tensor.double().mean().item() / len(tensors)
    return f"{total % 2**64:016x} {mean:.4f}"


def main():
    reader, work, least, plan = sys.argv[1:5]
    with open(plan, encoding="utf-8") as file:
        entries = json.load(file)
    clips = 4 if work == "four" else 1
    contents = [content(read(reader, work, entry)) for entry in entries]
    rounds, start = 0, time.perf_counter()
    while rounds == 0 or time.perf_counter() - start < float(least):
        for entry in entries:
            read(reader, work, entry)
        rounds += 1
    print(f"{1e3 * (time.perf_counter() - start) / (rounds * clips * len(entries)):.4f}")
    for entry, text in zip(entries, contents):
        print(entry["file"], text)


main()
