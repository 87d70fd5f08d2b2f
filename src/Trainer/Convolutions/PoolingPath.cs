using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>
/// Where a convolutional network pools, written as the number of blocks of each scale: 4-3-3 pools before its blocks 4 and 7 (Javan et al. 2023, arXiv 2306.11982).
/// </summary>
public static class PoolingPath
{
    /// <summary>The blocks, counted from 0, before which there is a pooling.</summary>
    /// <exception cref="UserError">It is no path over that many blocks.</exception>
    public static int[] Parse(string path, int blocks)
    {
        int[] scales = [.. path.Split('-').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0)];
        if (scales.Contains(0) || scales.Sum() != blocks)
            throw new UserError($"The pooling path '{path}' is not one of a network of {blocks} blocks: write the number of blocks of each scale, such as {blocks - 1}-1.");
        return [.. scales[..^1].Select((_, scale) => scales[..(scale + 1)].Sum())];
    }

    /// <summary>All paths with that many scales, in the order of the first scale's blocks, then the second's.</summary>
    /// <exception cref="UserError">There are more scales than blocks.</exception>
    public static IReadOnlyList<string> All(int blocks, int scales)
    {
        if (scales < 1 || scales > blocks)
            throw new UserError($"{blocks} blocks cannot have {scales} scales; at least one block belongs to each.");
        return scales == 1 ? [$"{blocks}"] : [.. Enumerable.Range(1, blocks - scales + 1).SelectMany(first => All(blocks - first, scales - 1).Select(rest => $"{first}-{rest}"))];
    }
}
