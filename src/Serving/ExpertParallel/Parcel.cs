using System.Runtime.InteropServices;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>What goes to one device: each token once, with all the experts it wants there.</summary>
/// <param name="picks">Most experts that a token wants anywhere.</param>
internal sealed class Parcel(int picks)
{
    private readonly List<(int Source, int Token)> _tokens = [];
    private readonly List<long> _places = [];
    private readonly List<float> _weights = [];

    /// <summary>The tokens in the order in which they came: whose, and which.</summary>
    public IReadOnlyList<(int Source, int Token)> Tokens => _tokens;

    /// <summary>Adds a wish of a token; tokens come one after the other.</summary>
    public void Add(int source, int token, int pick, int place, float weight)
    {
        if (_tokens.Count == 0 || _tokens[^1] != (source, token))
        {
            _tokens.Add((source, token));
            CollectionsMarshal.SetCount(_places, _places.Count + picks);
            CollectionsMarshal.AsSpan(_places)[^picks..].Fill(-1);
            CollectionsMarshal.SetCount(_weights, _weights.Count + picks);
            CollectionsMarshal.AsSpan(_weights)[^picks..].Clear();
        }
        var at = ((_tokens.Count - 1) * picks) + pick;
        (_places[at], _weights[at]) = (place, weight);
    }

    /// <summary>What its device is to do.</summary>
    /// <param name="sources">Whose tokens there are.</param>
    /// <param name="width">Numbers of a token, D.</param>
    public ExpertWork WorkOn(IReadOnlyList<RoutedTokens> sources, int width)
    {
        var rows = new float[_tokens.Count * width];
        for (var i = 0; i < _tokens.Count; i++)
            sources[_tokens[i].Source].Rows.GetTensorDataAsSpan<float>().Slice(_tokens[i].Token * width, width).CopyTo(rows.AsSpan(i * width));
        return new(_tokens.Count, width, picks, rows, [.. _places], [.. _weights]);
    }
}
