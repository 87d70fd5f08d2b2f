using System.Collections;

namespace Google.OrTools.LinearSolver;

/// <summary>A list of variables, as hints take them.</summary>
public class MPVariableVector : IDisposable, IEnumerable<Variable>
{
    readonly List<Variable> _variables = [];

    public MPVariableVector()
    {
    }

    public MPVariableVector(IEnumerable<Variable> c) => _variables.AddRange(c);

    /// <summary>How many there are.</summary>
    public int Count => _variables.Count;

    /// <summary>Adds one.</summary>
    public void Add(Variable x) => _variables.Add(x);

    IEnumerator<Variable> IEnumerable<Variable>.GetEnumerator() => _variables.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _variables.GetEnumerator();

    public void Dispose() => GC.SuppressFinalize(this);
}
