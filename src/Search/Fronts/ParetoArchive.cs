using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Fronts;

/// <summary>The measured architectures that none other dominates. Of equal ones the first stays.</summary>
public sealed class ParetoArchive
{
    private readonly List<Measured> _members = [];

    /// <summary>In the order of the first objective.</summary>
    public IReadOnlyList<Measured> Members => [.. _members.OrderBy(member => member.Objectives[0])];

    /// <summary>True when the architecture is now a member.</summary>
    public bool Add(Measured measured)
    {
        if (_members.Any(member => Domination.Dominates(member.Objectives, measured.Objectives) || member.Objectives.SequenceEqual(measured.Objectives)))
            return false;
        _members.RemoveAll(member => Domination.Dominates(measured.Objectives, member.Objectives));
        _members.Add(measured);
        return true;
    }

    public double Hypervolume(double[] reference) => Fronts.Hypervolume.Of(_members.Select(member => member.Objectives), reference);
}
