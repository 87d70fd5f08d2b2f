namespace OnnxMoe.Experiments.Pooling;

/// <summary>
/// What the authors measured: accuracy in percent of the 36 pooling paths of ResNet20 on CIFAR-10, in the order of PoolingPath.All(10, 3), trained alone and in mixtures
/// of 1, 2, 4 and 8 supernets (Javan et al. 2023, arXiv 2306.11982, from the result files of the authors' repository).
/// </summary>
public static class PublishedPaths
{
    public static IReadOnlyList<double> Alone { get; } = Parse("87.45 87.69 87.89 88.60 89.38 90.13 90.16 89.41 88.78 89.03 90.42 90.57 90.89 91.00 90.22 89.10 89.70 90.61 90.92 90.88 90.14 89.68 90.34 90.52 90.84 89.70 91.05 90.96 91.55 89.84 91.78 91.83 90.96 92.01 90.47 89.99");

    /// <summary>By the number of supernets.</summary>
    public static IReadOnlyDictionary<int, IReadOnlyList<double>> Mixtures { get; } = new SortedDictionary<int, IReadOnlyList<double>>
    {
        [1] = Parse("76.43 78.12 79.62 80.78 80.42 79.85 79.37 78.87 79.77 81.01 82.85 82.64 82.12 82.16 81.73 80.24 83.08 82.98 82.58 82.22 81.86 83.64 83.71 83.11 83.18 82.83 82.35 81.83 82.29 82.03 79.78 80.20 79.61 78.06 77.49 73.73"),
        [2] = Parse("77.89 80.12 81.08 81.49 81.92 81.54 81.22 81.13 80.57 81.20 82.99 83.86 83.71 83.60 83.55 81.69 82.74 83.83 83.94 83.78 83.63 83.24 84.27 84.32 83.91 83.91 83.39 83.07 83.09 82.99 82.77 82.81 82.43 80.98 80.64 77.58"),
        [4] = Parse("79.07 80.34 81.20 81.25 82.14 82.29 82.18 81.86 81.17 81.96 83.39 83.68 84.13 83.34 83.20 81.79 83.42 83.89 84.11 83.54 83.34 83.69 84.67 84.36 84.08 84.01 84.76 84.83 84.35 84.15 84.00 84.40 84.31 83.51 83.34 81.26"),
        [8] = Parse("78.60 79.76 80.13 81.41 82.32 81.98 81.17 81.24 80.93 82.25 82.90 83.92 83.91 83.15 83.11 82.34 83.48 84.17 84.28 84.11 84.06 83.82 84.60 84.64 84.34 84.32 85.42 85.66 84.84 84.65 84.61 84.13 84.07 83.64 83.63 81.94"),
    };

    private static double[] Parse(string row) => [.. row.Split(' ').Select(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture))];
}
