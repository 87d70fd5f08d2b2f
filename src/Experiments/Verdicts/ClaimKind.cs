namespace OnnxMoe.Experiments.Verdicts;

/// <summary>How much hangs on a claim.</summary>
public enum ClaimKind
{
    /// <summary>What the system stands or falls with; decides the experiment's verdict.</summary>
    Primary,

    /// <summary>Judged, but does not decide.</summary>
    Secondary,

    /// <summary>Numbers only: the size here is too small to judge it.</summary>
    Report,
}
