// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// What client libraries have to carry over the wire, in one small contract: events with indexed and
/// plain fields, reverts of each kind, a large reply. ledger.json is what the compiler made of it.
contract Ledger {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Note(string text);

    error InsufficientBalance(uint256 available, uint256 required);

    mapping(address => uint256) public balanceOf;
    uint256 public immutable totalSupply;

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 available = balanceOf[msg.sender];
        if (available < value) revert InsufficientBalance(available, value);
        balanceOf[msg.sender] = available - value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    function note(string calldata text) external {
        emit Note(text);
    }

    function refuse() external pure returns (bool) {
        revert("not today");
    }

    function overflow(uint256 by) external view returns (uint256) {
        return totalSupply + type(uint256).max - totalSupply + by;
    }

    function blob(uint256 length) external pure returns (bytes memory out) {
        out = new bytes(length);
        for (uint256 i = 0; i < length; i += 997) out[i] = bytes1(uint8(i / 997));
    }
}
