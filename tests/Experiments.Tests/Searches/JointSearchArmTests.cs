using OnnxMoe.Experiments.Searches;
using OnnxMoe.Search.Methods;

namespace OnnxMoe.Experiments.Tests.Searches;

public class JointSearchArmTests
{
    private static ArmResult Result(string name, params (double Loss, double Bytes)[] points)
    {
        var run = new Measurement(name, 1, "");
        (run.Series["loss"], run.Series["bytes"]) = ([.. points.Select(point => point.Loss)], [.. points.Select(point => point.Bytes)]);
        return new(new JointSearchArm(name, "", new RandomSearch(), 1, new(), _ => throw new InvalidOperationException()), [run]);
    }

    [Fact]
    public void AnArmsHypervolumeIsAShareOfThatOfAllArms()
    {
        // The front of all is (0, 10), (5, 5), (10, 0); the reference point lies a tenth beyond, at (11, 11).
        ArmResult[] arms = [Result("both ends", (0, 10), (10, 0), (20, 20)), Result("middle", (5, 5)), Result("beyond", (12, 0))];
        JointSearchArm.Compare(arms);
        const double all = (11 * 1) + (6 * 5) + (1 * 5);
        Assert.Equal([21 / all, 36 / all, 0], arms.Select(arm => arm.Runs[0][JointSearchArm.Ratio]));
    }
}
