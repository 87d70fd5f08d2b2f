namespace OnnxMoe.Experiments.TinyModels;

/// <summary>How much the choice of one routed layer tells of another's, in nats, as means over all pairs of layers.</summary>
public static class CrossLayerInformation
{
    private const int Bins = 100;

    /// <summary>Of experts drawn from the router probabilities: the joint distribution of a pair is the mean over tokens of the outer product.</summary>
    public static double OfProbabilities(IReadOnlyList<LayerSnapshot> layers) => OverPairs(layers, (a, b) => OfJoint(Joint(a.Probabilities, b.Probabilities)));

    /// <summary>Of the most probable experts.</summary>
    public static double OfFirstChoices(IReadOnlyList<LayerSnapshot> layers) => OverPairs(layers, (a, b) => OfPairs(a.Indices.Zip(b.Indices, (i, j) => (i[0], j[0]))));

    /// <summary>
    /// The estimator of Qiu et al. 2024: the N probabilities of a token are sorted into 100 bins, and the information between two
    /// layers' bins of the N experts is averaged over the tokens.
    /// </summary>
    public static double OfBins(IReadOnlyList<LayerSnapshot> layers) => OverPairs(layers,
        (a, b) => a.Probabilities.Zip(b.Probabilities, (p, q) => OfPairs(p.Zip(q, (x, y) => (Bin(x), Bin(y))))).Average());

    /// <summary>The mutual information of a joint distribution [n, m].</summary>
    public static double OfJoint(double[,] joint)
    {
        var (rows, columns) = (new double[joint.GetLength(0)], new double[joint.GetLength(1)]);
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < columns.Length; j++)
            {
                rows[i] += joint[i, j];
                columns[j] += joint[i, j];
            }
        }
        var information = 0.0;
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < columns.Length; j++)
            {
                if (joint[i, j] > 0)
                    information += joint[i, j] * Math.Log(joint[i, j] / (rows[i] * columns[j]));
            }
        }
        return information;
    }

    private static long Bin(float probability) => Math.Min(Bins - 1, (int)(probability * Bins));

    private static double[,] Joint(IReadOnlyList<float[]> first, IReadOnlyList<float[]> second)
    {
        var joint = new double[first[0].Length, second[0].Length];
        for (var t = 0; t < first.Count; t++)
        {
            for (var i = 0; i < first[t].Length; i++)
            {
                for (var j = 0; j < second[t].Length; j++)
                    joint[i, j] += (double)first[t][i] * second[t][j] / first.Count;
            }
        }
        return joint;
    }

    private static double OfPairs(IEnumerable<(long, long)> labels)
    {
        var pairs = labels.ToArray();
        var (rows, columns) = (Numbers(pairs.Select(pair => pair.Item1)), Numbers(pairs.Select(pair => pair.Item2)));
        var joint = new double[rows.Count, columns.Count];
        foreach (var (i, j) in pairs)
            joint[rows[i], columns[j]] += 1.0 / pairs.Length;
        return OfJoint(joint);
    }

    private static Dictionary<long, int> Numbers(IEnumerable<long> labels) => labels.Distinct().Select((label, i) => (label, i)).ToDictionary();

    private static double OverPairs(IReadOnlyList<LayerSnapshot> layers, Func<LayerSnapshot, LayerSnapshot, double> information) =>
        Enumerable.Range(0, layers.Count).SelectMany(b => Enumerable.Range(0, b).Select(a => information(layers[a], layers[b]))).DefaultIfEmpty(double.NaN).Average();
}
