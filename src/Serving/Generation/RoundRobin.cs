namespace OnnxMoe.Serving.Generation;

/// <summary>Each running sequence takes one step in turn.</summary>
internal sealed class RoundRobin : IStepOrder
{
    public bool WantsWholeSteps => false;

    public void Arrived(Sequence sequence)
    {
    }

    public void Started(Sequence sequence)
    {
    }

    public IReadOnlyList<Sequence> Next(IReadOnlyList<Sequence> running) => [.. running];

    public void Stepped(Sequence sequence)
    {
    }

    public void Left(Sequence sequence)
    {
    }
}
